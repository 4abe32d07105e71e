from datetime import UTC, date, datetime

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.api import (
    ApiResult,
    BadRequest,
    Cursor,
    FieldProblem,
    NotFound,
    Unprocessable,
)

from ..api import Reference
from ..references import Rejection, find_references, resolve

_BASE = "/api/attendance"
_KINDS = {"char": str, "date": date, "datetime": datetime}


class SppAttendanceApiMixin(models.AbstractModel):
    """What the native API does with a thing: list, read, create and change it.

    All as the user, whose rights and record rules decide. A model says in a section of
    its own what is peculiar to it; ``_api_read``, how apps read a recordset, as a list
    in its order, is each model's own.
    """

    _name = "spp.attendance.api.mixin"
    _description = "What the Native API Does"

    #: Where the model's things are, below the base of the API.
    _API_PATH = ""
    #: The schema of a page of a list.
    _API_PAGE = None
    #: Fetched in one go.
    _API_FIELDS = ()
    #: By what a list can be sorted: a stored field that is never empty.
    _API_SORTS = {"name": "name", "updated_at": "write_date"}
    #: Which model a name in a body refers to: the field that holds its id.
    _API_REFERENCES = {}
    #: What in a query asks for those, too, that are not active. None: all are told.
    _API_INACTIVE = "include_archived"

    # ----------------------------------------------------------------- lists

    @api.model
    def _api_list(self, query, within=Domain.TRUE):
        """A page of what the user may see and what fits all filters.

        :param api.ListQuery query: filters, order, page size, cursor
        :param Domain within: what it is a list of, such as those of one register
        :return: a page: ``items`` and the cursor ``next``
        :raises BadRequest: on a cursor that is not one of this list and order
        """
        model = self.with_context(active_test=False)
        records = model.browse()
        sort = query.sort.removeprefix("-")
        domain = model._api_list_domain(query) & within
        if query.cursor:
            domain &= model._api_after(query)
        found = model._search(domain)
        names = model._determine_fields_to_fetch(self._API_FIELDS)
        if not found.is_empty():
            direction = SQL("DESC" if query.sort.startswith("-") else "ASC")
            found.order = SQL(
                "%s %s, %s %s",
                model._api_sort_sql(sort, found),
                direction,
                SQL.identifier(found.table, "id"),
                direction,
            )
            found.limit = query.limit + 1
            records = model._fetch_query(found, names)
        page = records[: query.limit]
        following = None
        if len(records) > len(page):
            last = page[-1]
            following = Cursor.encode(query.sort, last._api_sort_value(sort), last.id)
        # Unchecked: what is in it was made here.
        return self._API_PAGE.model_construct(items=page._api_read(), next=following)

    @api.model
    def _api_list_domain(self, query):
        """Domain of all filters of a query."""
        domain = self._api_domain(query)
        if self._API_INACTIVE and not getattr(query, self._API_INACTIVE):
            domain &= Domain("active", "=", True)
        if query.updated_since:
            domain &= self._api_updated_since(query.updated_since)
        return domain

    @api.model
    def _api_domain(self, query):
        """Domain of the filters that are the model's own."""
        domain = Domain.TRUE
        if query.code:
            domain &= Domain("code", "=", query.code)
        if query.name:
            domain &= Domain("name", "ilike", query.name)
        return domain

    @api.model
    def _api_updated_since(self, instant):
        return Domain("write_date", ">=", instant)

    @api.model
    def _api_after(self, query):
        """Domain of what comes after the cursor, as one comparison: by the index of the
        order a page far down is found as fast as the first."""
        sort = query.sort.removeprefix("-")
        kind = _KINDS[self._fields[self._API_SORTS[sort]].type]
        order, value, last_id = Cursor.decode(query.cursor, str, kind, int)
        if order != query.sort:
            raise BadRequest("This is a cursor of another order of this list.")
        operator = SQL("<" if query.sort.startswith("-") else ">")
        return Domain.custom(
            to_sql=lambda model, alias, sql_query: SQL(
                "(%s, %s) %s (%s, %s)",
                model._api_sort_sql(sort, sql_query),
                SQL.identifier(alias, "id"),
                operator,
                value,
                last_id,
            )
        )

    @api.model
    def _api_sort_sql(self, sort, query):
        return self._field_to_sql(query.table, self._API_SORTS[sort], query)

    def _api_sort_value(self, sort):
        return self[self._API_SORTS[sort]]

    # ------------------------------------------------------------- one thing

    @api.model
    def _api_find(self, reference):
        """The one thing that is meant by what stands in an address; archived or not.

        :raises NotFound: when there is none that the user may see
        """
        found = self.with_context(active_test=False).search_fetch(
            self._api_key_domain(reference), self._API_FIELDS, limit=1
        )
        if not found:
            raise NotFound("This does not exist, or no longer.")
        return found

    @api.model
    def _api_key_domain(self, reference):
        return Domain("id", "=", reference)

    @api.model
    def _api_get(self, reference):
        """One thing as apps read it."""
        return self._api_find(reference)._api_read()[0]

    @api.model
    def _api_add(self, body):
        """Create a thing.

        :return: it, with status 201 and its address
        """
        record = self.create(self._api_vals(body.model_dump(exclude_unset=True)))
        made = record._api_read()[0]
        key = getattr(made, "uuid", None) or made.id
        location = f"{_BASE}/{self._API_PATH}/{key}"
        return ApiResult(made, status=201, headers={"Location": location})

    @api.model
    def _api_patch(self, reference, body):
        """Change what is in the body of a thing, and nothing else.

        :return: the thing as it is now
        """
        record = self._api_find(reference)
        record._api_write(body)
        return record._api_read()[0]

    def _api_write(self, body):
        self.write(self._api_vals(body.model_dump(exclude_unset=True)))

    @api.model
    def _api_vals(self, values):
        """Values to write, of those of a body: references become ids.

        :raises Unprocessable: when something is referred to that isn't there
        """
        vals = {
            name: False if value is None else value
            for name, value in values.items()
            if name not in self._API_REFERENCES
        }
        for name, field in self._API_REFERENCES.items():
            if name in values:
                target = self.env[self._fields[field].comodel_name]
                vals[field] = target._api_refer(values[name], name)
        return vals

    # ------------------------------------------------------------ references

    @api.model
    def _api_refer(self, reference, field):
        """Id of the one thing that a body refers to by its id, code or name.

        :param reference: None empties
        :param str field: named in the complaint
        :raises Unprocessable: when there is none, or several of that name
        """
        try:
            found = find_references(self.env, self._name, {reference})
            return resolve(field, found, reference).id or False
        except Rejection as rejection:
            self._api_refuse(field, str(rejection))

    @api.model
    def _api_refuse(self, field, message):
        raise Unprocessable(
            "The request does not have the right shape or content.",
            fields=[FieldProblem(field, message)],
        )

    @api.model
    def _api_reference_domain(self, reference):
        """Domain of what may be meant by an id, code or name.

        :param str reference: as it stands in an address, where an id is text, too
        """
        domain = Domain("code", "=", reference) | Domain("name", "=", reference)
        if reference.isascii() and reference.isdigit() and len(reference) < 10:
            domain |= Domain("id", "=", int(reference))
        return domain

    @api.model
    def _api_referred(self, reference, below=False):
        """Ids of all that may be meant in a filter, archived ones too.

        :param bool below: also what is part of these
        """
        model = self.with_context(active_test=False)
        found = model._search(self._api_reference_domain(reference))
        if below:
            found = model._search(Domain("id", "child_of", found.get_result_ids()))
        return list(found.get_result_ids())

    def _api_as_reference(self):
        """How another thing names this one, None when there is none."""
        if not self:
            return None
        return Reference.model_construct(
            id=self.id, code=self.code or None, name=self.name
        )

    @api.model
    def _api_instant(self, instant):
        """UTC in ISO 8601; seconds are enough for people, apps compare the text."""
        return instant.replace(microsecond=0, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _api_registry_values(self):
        """What all things that are kept have in common, as ``api.TypeOut`` has it."""
        self.ensure_one()
        return {
            "id": self.id,
            "code": self.code or None,
            "name": self.name,
            "description": self.description or None,
            "color": self.color,
            "active": self.active,
            "created_at": self._api_instant(self.create_date),
            "updated_at": self._api_instant(self.write_date),
        }
