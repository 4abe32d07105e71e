def migrate(cr, version):
    """Clear the way for what this version brings in the place of something else."""
    # The analysis is of another model now, at the address of the one that was.
    cr.execute(
        """
        UPDATE ir_actions
           SET path = NULL
          FROM ir_model_data d
         WHERE d.module = 'spp_attendance'
           AND d.name = 'spp_attendance_record_analysis_action'
           AND d.res_id = ir_actions.id
        """
    )
    # Record rules aren't updated, so that an administrator's changes stay. These are
    # others altogether, with heads of departments and trees of locations: they are
    # loaded anew.
    cr.execute(
        """
        WITH known AS (
            DELETE FROM ir_model_data
             WHERE module = 'spp_attendance' AND model = 'ir.rule'
         RETURNING res_id
        )
        DELETE FROM ir_rule USING known WHERE ir_rule.id = known.res_id
        """
    )
