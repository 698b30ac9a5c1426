with spine as (

    select day_at
    from generate_series(
        cast('2005-01-01' as timestamp), cast('2039-12-31' as timestamp), interval '1 day'
    ) as days(day_at)  -- noqa: LT01

)

select cast(day_at as date) as date_day
from spine
