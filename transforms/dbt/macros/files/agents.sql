{# Whether a client of a web server says itself that it is a program: crawlers, feed readers, monitors, libraries. What
   pretends to be a browser is taken for one; a client that says nothing is a program. (Cubot makes telephones.) #}
{% macro is_bot_agent(user_agent) -%}
    coalesce(
        {{ regex_found(
            'lower(' ~ user_agent ~ ')',
            '(^|[^u])bot|crawl|spider|slurp|scan|archiver|feed|rss|monitor|uptime|check_http|preview|validator|curl|wget|python|java/|perl|ruby|php|go-http|okhttp|libwww|httpclient|urllib|scrapy|facebookexternalhit'
        ) }},
        true
    )
{%- endmacro %}
