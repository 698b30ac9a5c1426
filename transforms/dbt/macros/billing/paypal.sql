{# Entries of PayPal's report that are attempts of a customer to pay: event codes T00xx are payments, and money comes in.
   https://developer.paypal.com/docs/transaction-search/transaction-event-codes/ #}
{% macro is_paypal_payment(relation) -%}
    ({{ relation }}.event_code like 'T00%' and {{ relation }}.amount_minor > 0)
{%- endmacro %}

{# Entries that give a payment back to a customer: refunds (T1107). #}
{% macro is_paypal_refund(relation) -%}
    ({{ relation }}.event_code = 'T1107' and {{ relation }}.amount_minor < 0)
{%- endmacro %}

{# Id of an entry among those of one kind: the transaction's, and with the event code where several bear it, since "a
   transaction ID is not unique in the reporting system". #}
{% macro paypal_entry_name(relation) -%}
    case
        when count(*) over (partition by {{ relation }}.workspace_id, {{ relation }}.transaction_id) = 1
            then {{ relation }}.transaction_id
        else {{ relation }}.entry_id
    end
{%- endmacro %}
