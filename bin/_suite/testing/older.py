"""How a database looked that an older version of our addons installed."""

# What older versions had in another form.
FILL = """
from datetime import datetime
from odoo.addons.spp_attendance_devices.devices.adapter import ScanData

terminal = env["spp.attendance.device"].create(
    {"name": "Of old", "host": "192.0.2.1", "tz": "Asia/Tokyo", "secret_input": "4711"}
)
terminal.write({"last_success_at": datetime.now(), "error_code": "timeout"})
person = env["spp.attendance.subscriber"].create(
    {"name": "Of old", "person_identifier": "OLD-1"}
)
env["spp.attendance.device.user"].create(
    {"device_id": terminal.id, "code": "7", "subscriber_id": person.id}
)
times = {
    "2026-03-01 00:30:00": datetime(2026, 3, 1, 0, 30),
    "2026-02-31 08:00:00": None,
}
env["spp.attendance.scan"]._store(
    terminal,
    [ScanData("99", raw, time, "in", 0, 1, {}) for raw, time in times.items()],
)
env.cr.commit()
"""
# Of spp_attendance, the version before today's roles and areas: other rules, which
# nothing else updates, an analysis at an address that is another's by now, and nobody
# who works by a shift. Of spp_attendance_devices, the version that knew one make of
# terminals: fewer columns, or of other names, values and constraints.
AGE = """
UPDATE ir_module_module SET latest_version = '19.0.1.0.0'
 WHERE name = 'spp_attendance';
UPDATE ir_rule SET domain_force = '[(0, ''='', 1)]' FROM ir_model_data d
 WHERE d.module = 'spp_attendance' AND d.model = 'ir.rule' AND d.res_id = ir_rule.id;
WITH old AS (
    INSERT INTO ir_rule (name, model_id, domain_force, active, global, perm_read,
                         perm_write, perm_create, perm_unlink)
    SELECT 'Of old', id, '[(0, ''='', 1)]', TRUE, TRUE, TRUE, TRUE, TRUE, TRUE
      FROM ir_model WHERE model = 'spp.attendance.record'
 RETURNING id)
INSERT INTO ir_model_data (module, name, model, res_id, noupdate)
SELECT 'spp_attendance', 'spp_attendance_record_rule_old', 'ir.rule', id, TRUE FROM old;
DELETE FROM spp_attendance_shift_assignment;
DELETE FROM spp_attendance_shift;
DROP TABLE spp_attendance_day_queue, spp_attendance_day_person;
UPDATE ir_act_window SET path = NULL WHERE path = 'attendance-analysis';
WITH old AS (
    INSERT INTO ir_act_window (name, type, path, res_model, view_mode, target, context,
                               binding_type, binding_view_types)
    VALUES ('{"en_US": "Of old"}', 'ir.actions.act_window', 'attendance-analysis',
            'spp.attendance.record', 'pivot', 'current', '{}', 'action', 'list,form')
 RETURNING id)
INSERT INTO ir_model_data (module, name, model, res_id, noupdate)
SELECT 'spp_attendance', 'spp_attendance_record_analysis_action',
       'ir.actions.act_window', id, FALSE
  FROM old;

UPDATE ir_module_module SET latest_version = '19.0.1.1.0'
 WHERE name = 'spp_attendance_devices';
UPDATE spp_attendance_device SET health = 'unhealthy' WHERE health = 'degraded';
ALTER TABLE spp_attendance_device RENAME secret TO comm_key;
ALTER TABLE spp_attendance_device
 DROP circuit, DROP direction_policy, DROP offline_after, DROP tls, DROP transport;
ALTER TABLE res_company DROP attendance_drift_limit, DROP attendance_scan_window,
 DROP attendance_silent_hours;
ALTER TABLE spp_attendance_scan DROP local_date;
ALTER TABLE spp_attendance_device_user
 DROP CONSTRAINT spp_attendance_device_user_badge_unique,
 DROP valid_from, DROP valid_to,
 ALTER device_id SET NOT NULL, ALTER company_id DROP NOT NULL,
 ADD CONSTRAINT spp_attendance_device_user_badge_unique UNIQUE (device_id, code);
DROP INDEX spp_attendance_device_user__device_id_index;
CREATE INDEX spp_attendance_device_user__device_id_index
    ON spp_attendance_device_user (device_id);
"""
# What has to be as it was after that, beside the structure: rules by name, since the
# rows are others.
ROWS = """
SELECT format('rule %s: %s', name, domain_force) FROM ir_rule;
SELECT format('address %s: %s', path, name ->> 'en_US') FROM ir_actions
 WHERE path IS NOT NULL;
SELECT format('shift of company %s from %s: %s', a.company_id, a.date_from, s.name)
  FROM spp_attendance_shift_assignment a
  JOIN spp_attendance_shift s ON s.id = a.shift_id;
SELECT format('company %s: %s', key, value)
  FROM res_company t, jsonb_each(to_jsonb(t) - 'write_date');
SELECT format('terminal %s: %s', key, value)
  FROM spp_attendance_device t, jsonb_each(to_jsonb(t) - 'write_date');
SELECT format('badge %s: %s', key, value)
  FROM spp_attendance_device_user t, jsonb_each(to_jsonb(t) - 'write_date');
SELECT format('scan %s: %s', key, value)
  FROM spp_attendance_scan t, jsonb_each(to_jsonb(t) - 'write_date');
"""
