def uninstall_hook(env):
    """Take away what Odoo leaves of this addon's activities.

    The choices of the fields that ``mail.activity.mixin`` brings have external ids in
    the mixin's own module. They go with their fields by cascade in the database, which
    knows nothing of external ids.
    """
    env["ir.model.data"].search(
        [
            ("module", "=", "mail"),
            ("model", "=", "ir.model.fields.selection"),
            ("name", "=like", r"selection\_\_spp\_attendance\_device\_\_activity\_%"),
        ]
    ).unlink()
