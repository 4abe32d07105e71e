from odoo import api, models
from odoo.fields import Domain

from ..acting import Actor, acting, acting_uuid, as_actor
from ..api import digit
from ..dialects import JsonRows, Spooled
from ..digit_rows import escaped

_MANAGER = "spp_attendance.spp_attendance_group_manager"


class SppAttendanceDigit(models.AbstractModel):
    """Registers and attendance as apps written for DIGIT read and write them.

    A request is done in full or not at all. All rules are those of the models: what is
    here finds DIGIT's words for them, in DIGIT's order. Each method is given a
    `digit.Request` and returns a `digit.Answer`, or `Spooled`.

    :raises digit.Refusal: from every method, with the codes and messages they expect
    """

    _name = "spp.attendance.digit"
    _description = "Attendance in DIGIT's Dialect"

    # -------------------------------------------------------------- entering

    @api.model
    def _enter(self, info, tenant, prefix=False):
        """This service in the company of a tenant, for whom the request speaks.

        :param digit.RequestInfo info: checked before; whom a gateway says to belong to
            a tenant has to do with nothing but that and those below
        :param str tenant: code of the company
        :param bool prefix: all companies whose code begins so, as theirs has it: not
            only those below, so that ``pb`` finds ``pbx`` too
        :return: the service in another environment; None without such a company
        """
        of = digit.to_text(info.user, "tenantId")
        companies = [
            company
            for company in self._tenants(tenant, prefix)
            if self._covers(of, company[1])
        ]
        if not companies:
            return None
        ids = [company_id for company_id, _code, _roles in companies]
        service = self.with_context(allowed_company_ids=ids)
        if not info.trusted:
            return service
        user = info.user
        actor = Actor(
            uuid=digit.to_text(user, "uuid"),
            name=digit.to_text(user, "name") or digit.to_text(user, "userName") or None,
            opens_all=all(
                self._is_open_role(info, code, roles) for _id, code, roles in companies
            ),
        )
        return service.with_env(as_actor(service.env, actor))

    @api.model
    def _enter_or_add(self, info, tenant, faults):
        """The same, or a fault among those that are told together.

        :param digit.Collected faults:
        """
        service = self._enter(info, tenant)
        if service is None:
            faults.add("INVALID_TENANT", f"The tenant: {tenant} is not present in MDMS")
        return service

    @api.model
    def _tenants(self, tenant, prefix):
        """Id, code and open roles of those of the user's companies that are meant."""
        # Any user may know the companies he works for, and two settings of theirs.
        company_sudo = self.env["res.company"].sudo()
        domain = Domain("id", "in", self.env.user._get_company_ids())
        if prefix:
            domain &= Domain("attendance_tenant_code", "=like", escaped(tenant) + "%")
        else:
            domain &= Domain("attendance_tenant_code", "=", tenant)
        return [
            (
                company.id,
                company.attendance_tenant_code,
                company.attendance_digit_open_roles or "",
            )
            for company in company_sudo.search(domain, order="id")
        ]

    @staticmethod
    def _is_open_role(info, tenant, open_roles):
        """Whether a role of the named user opens all registers of a tenant."""
        codes = {code.strip() for code in open_roles.split(",")} - {""}
        return any(
            code in codes and SppAttendanceDigit._covers(of, tenant)
            for code, of in info.roles
        )

    @staticmethod
    def _covers(of, tenant):
        """Whether who belongs to a tenant, or to none, has to do with another."""
        return not of or f"{tenant}.".startswith(f"{of}.")

    def _opens_all(self):
        """Whether who acts sees registers without being on their staff."""
        actor = acting(self.env)
        return actor.opens_all if actor else self.env.user.has_group(_MANAGER)

    def _creates_unknown(self):
        """Whether a gateway may bring people and staff that nobody here knows."""
        return bool(
            acting(self.env)
            # a setting, that anybody goes by
            and self.env.company.sudo().attendance_digit_create_unknown
        )

    def _own_uuid(self):
        """By which who acts is known as staff."""
        return acting_uuid(self.env)

    # ---------------------------------------------------------------- people

    def _people(self, individual_ids, archived=False):
        """Whom individual ids stand for: people by UUID, else by identifier.

        As the user, in two queries at most.

        :param bool archived: people who are archived, too
        :return: ``{individual id: id of a person}`` of those that are known
        """
        wanted = set(individual_ids)
        model = self.env["spp.attendance.subscriber"]
        model = model.with_context(active_test=not archived)
        found = model.search_fetch(
            Domain("company_id", "in", self.env.companies.ids)
            & Domain("uuid", "in", list(wanted)),
            ["uuid"],
        )
        people = {person.uuid: person.id for person in found}
        if missing := wanted - people.keys():
            by_identifier = model._by_identifier(missing)
            people |= {name: person.id for name, person in by_identifier.items()}
        return people

    # ------------------------------------------------------------- answering

    def _done(self, asked, **content):
        """The answer to a write that was done."""
        company_sudo = self.env.company.sudo()  # a setting, that anybody goes by
        return asked.answer(int(company_sudo.attendance_digit_status), **content)

    def _spooled(self, asked, name, statement, tell=None, **content):
        """An answer with an array that is never in memory as a whole.

        :param str name: of the array
        :param SQL statement: with one column, a JSON object a row
        :param tell: makes the object of what a row holds, if that is something else
        """
        self.env.flush_all()
        before, after = asked.around(name, **content)
        return Spooled([before, JsonRows(self.env.cr, statement, tell), after])
