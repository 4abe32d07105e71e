import logging

_logger = logging.getLogger(__name__)

#: What an officer saw before there were registers, as it was installed: by rule, the
#: path from its model to the record and its domain.
_RULES = {
    "spp_attendance_record_rule_officer": "",
    "spp_attendance_record_change_rule_officer": "record_id.",
}
_OLD = """(
    [('{0}location_id.access_client_ids.user_id', 'in', user.ids)]
    if user.has_group('spp_oauth.spp_oauth_group_service')
    else ['|', '|', ('{0}location_id', '=', False),
          ('{0}location_id.access_user_ids', '=', False),
          ('{0}location_id.access_user_ids', 'in', user.id)]
)"""
_NARROWER = """
    ['|', ('{0}register_id', '=', False), ('{0}register_id.is_mine', '=', True)] + ({1})
"""


def migrate(cr, version):
    """Let officers see what is on registers only if these are their own.

    Record rules aren't updated, so that an administrator's changes stay. One that is as
    it was installed makes way for that of this version; one that was changed goes on
    saying what it says, of records that are on no register or on one of theirs.
    """
    for name, path in _RULES.items():
        cr.execute(
            """
            SELECT r.id, r.domain_force
              FROM ir_model_data d
              JOIN ir_rule r ON r.id = d.res_id
             WHERE d.module = 'spp_attendance' AND d.model = 'ir.rule' AND d.name = %s
            """,
            [name],
        )
        for rule_id, domain in cr.fetchall():
            if _squeezed(domain) == _squeezed(_OLD.format(path)):
                cr.execute("DELETE FROM ir_rule WHERE id = %s", [rule_id])
                cr.execute(
                    "DELETE FROM ir_model_data"
                    " WHERE module = 'spp_attendance' AND name = %s",
                    [name],
                )
            elif "register_id" not in (domain or ""):
                _logger.warning(
                    "Record rule %s was changed: it stays, and holds for records on"
                    " registers only where these are an officer's own.",
                    name,
                )
                cr.execute(
                    "UPDATE ir_rule SET domain_force = %s WHERE id = %s",
                    [
                        _NARROWER.format(path, (domain or "").strip() or "[]").strip(),
                        rule_id,
                    ],
                )


def _squeezed(text):
    return "".join((text or "").split())
