{# The one place that knows programs which open and click mail by themselves. A bare product token is what the privacy
   proxy of Apple's mail client sends. #}

{% macro is_machine_agent(user_agent) -%}
    coalesce({{ user_agent }} ilike '%googleimageproxy%' or trim({{ user_agent }}) = 'Mozilla/5.0', false)
{%- endmacro %}

{% macro is_scanner_agent(user_agent) -%}
    coalesce({{ regex_found('lower(' ~ user_agent ~ ')', 'barracuda|proofpoint|mimecast|safelinks') }}, false)
{%- endmacro %}
