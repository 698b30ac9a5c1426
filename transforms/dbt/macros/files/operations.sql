{# What an operation of S3's access log means for a file. A share is a change of who may read the object. #}
{% macro s3_event(operation) -%}
    case
        when {{ operation }} in (
            'REST.PUT.OBJECT', 'REST.POST.OBJECT', 'REST.POST.UPLOAD', 'REST.COPY.OBJECT'
        ) then 'upload'
        when {{ operation }} in ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT', 'REST.GET.TORRENT') then 'download'
        when {{ operation }} in (
            'REST.DELETE.OBJECT', 'REST.POST.MULTI_OBJECT_DELETE', 'BATCH.DELETE.OBJECT', 'S3.EXPIRE.OBJECT',
            'S3.CREATE.DELETEMARKER'
        ) then 'delete'
        when {{ operation }} in ('REST.PUT.ACL', 'REST.PUT.OBJECT_ACL') then 'share'
        when {{ operation }} in ('REST.GET.BUCKET', 'REST.GET.BUCKETVERSIONS', 'REST.LIST.OBJECTS') then 'list'
        else 'other'
    end
{%- endmacro %}
