{# Entries of PayPal's report that are attempts of a customer to pay: event codes T00xx are payments, and money comes in.
   https://developer.paypal.com/docs/transaction-search/transaction-event-codes/ #}
{% macro is_paypal_payment(relation) -%}
    ({{ relation }}.event_code like 'T00%' and {{ relation }}.amount_minor > 0)
{%- endmacro %}

{# Entries that give a payment back to a customer: refunds (T1107). #}
{% macro is_paypal_refund(relation) -%}
    ({{ relation }}.event_code = 'T1107' and {{ relation }}.amount_minor < 0)
{%- endmacro %}
