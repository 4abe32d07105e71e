"""What a database is made of, as lines of text that can be compared.

Two databases with the same lines have the same schema, the same definitions of our
addons (views, rules, scheduled actions, …) and the same number of rows.
"""

from collections import Counter
from collections.abc import Iterable

# How much of a difference is worth reading.
SHOWN = 30
WIDTH = 240

# Everything that a module may leave behind, by a name that doesn't depend on ids.
SCHEMA = r"""
SELECT format('table %s', c.relname)
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
UNION ALL
SELECT format('sequence %s', c.relname)
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
   -- Made at run time for each numbered ir.sequence, hence named for its id.
   AND c.relname !~ '^ir_sequence_\d'
UNION ALL
SELECT format('column %s.%s %s%s', c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attnotnull THEN ' not null' ELSE '' END)
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
UNION ALL
SELECT format('constraint %s.%s %s', conrelid::regclass, conname,
              pg_get_constraintdef(oid))
  FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'
UNION ALL
SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT format('trigger %s.%s', tgrelid::regclass, tgname)
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('function %s', p.oid::regprocedure)
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT format('extension %s', extname) FROM pg_extension
"""

NAMED = r"""
SELECT format('cron %s', cron_name) FROM ir_cron
UNION ALL
SELECT format('parameter %s', key) FROM ir_config_parameter
UNION ALL
SELECT format('model %s', model) FROM ir_model
UNION ALL
SELECT format('field %s.%s %s', model, name, ttype) FROM ir_model_fields
UNION ALL
SELECT format('xml id %s.%s', module, name) FROM ir_model_data
 WHERE module NOT IN ('__export__', '__import__')
   -- Odoo itself leaves these behind for a mixin that another module extends.
   AND model <> 'ir.model.inherit'
UNION ALL
SELECT format('access %s', name) FROM ir_model_access
UNION ALL
SELECT format('rule %s', name) FROM ir_rule
UNION ALL
SELECT format('view %s %s', model, name) FROM ir_ui_view
UNION ALL
SELECT format('menu %s', name ->> 'en_US') FROM ir_ui_menu
UNION ALL
SELECT format('group %s', name ->> 'en_US') FROM res_groups
UNION ALL
SELECT format('sequence %s', code) FROM ir_sequence
UNION ALL
SELECT format('action %s %s', type, name ->> 'en_US') FROM ir_actions
"""

# Every row that our addons define, in full but for what changes by itself. Which tables
# that takes is known by the database only: psql runs what the query writes (\gexec).
DEFINITIONS = r"""
SELECT format($query$
         SELECT format('row %%s.%%s %%s = %%s', d.module, d.name, v.key, v.value)
           FROM ir_model_data d JOIN %I t ON t.id = d.res_id,
                jsonb_each(to_jsonb(t) - ARRAY['write_date', 'create_date', 'write_uid',
                                               'nextcall', 'lastcall']) v
          WHERE d.model = %L AND d.module = ANY (%L)
       $query$, replace(model, '.', '_'), model, '{{{modules}}}')
  FROM (SELECT DISTINCT model FROM ir_model_data
         WHERE module = ANY ('{{{modules}}}')) AS used
 WHERE to_regclass(replace(model, '.', '_')) IS NOT NULL
\gexec
"""

# Tables that change by themselves: by every start, every query, every message.
RESTLESS = (
    "base_registry_signaling",
    "base_cache_signaling%",
    "bus_bus",
    "bus_presence",
    "ir_attachment",
    "ir_cron_progress",
    "ir_cron_trigger",
    "ir_logging",
    "ir_module_module%",
    "mail_presence",
    "orm_signaling%",
    "res_device%",
    "res_users_log",
)
COUNTS = r"""
SELECT format($query$SELECT 'rows of %1$s: ' || count(*) FROM %1$I$query$, relname)
  FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
   AND NOT relname LIKE ANY ('{{{restless}}}')
\gexec
"""


def structure() -> str:
    """psql script for all that a module may leave behind, without its rows."""
    return f"{SCHEMA};{NAMED};"


def content(modules: Iterable[str]) -> str:
    """psql script for the structure, what `modules` define, and counts of all rows."""
    return (
        structure()
        + DEFINITIONS.format(modules=",".join(modules))
        + COUNTS.format(restless=",".join(RESTLESS))
    )


def differences(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What `after` lacks (`-`) and has in addition (`+`), sorted by what it is.

    Long lines, and what goes beyond the first few, are cut.
    """
    one, two = Counter(before), Counter(after)
    lines = [f"- {line}" for line in (one - two).elements()]
    lines += [f"+ {line}" for line in (two - one).elements()]
    lines.sort(key=lambda line: (line[2:], line[0]))
    shown = [line[:WIDTH] for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(f"… and {len(lines) - SHOWN} more")
    return shown
