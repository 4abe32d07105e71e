from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api import (
    DepartmentIn,
    DepartmentOut,
    DepartmentPage,
    DepartmentPatch,
    DepartmentQuery,
    LocationIn,
    LocationOut,
    LocationPage,
    LocationPatch,
    LocationQuery,
    TypeIn,
    TypeOut,
    TypePage,
    TypePatch,
    TypeQuery,
)

_BASE = "/api/attendance"
_READ = {"methods": ["GET"], "scope": "attendance:read", "readonly": True}
_CREATE = {"methods": ["POST"], "scope": "registry:write", "status": 201}
_CHANGE = {"methods": ["PATCH"], "scope": "registry:write"}


class AttendanceTypeController(http.Controller):
    @api_route(
        f"{_BASE}/types", query=TypeQuery, response=TypePage, tags=["Types"], **_READ
    )
    def list_types(self, query):
        """List types of attendance."""
        return self.env["spp.attendance.type"]._api_list(query)

    @api_route(
        f"{_BASE}/types/<int:type_id>",
        response=TypeOut,
        etag=True,
        tags=["Types"],
        **_READ,
    )
    def read_type(self, type_id):
        """Get a type."""
        return self.env["spp.attendance.type"]._api_get(type_id)

    @api_route(
        f"{_BASE}/types", body=TypeIn, response=TypeOut, tags=["Types"], **_CREATE
    )
    def create_type(self, body):
        """Create a type."""
        return self.env["spp.attendance.type"]._api_add(body)

    @api_route(
        f"{_BASE}/types/<int:type_id>",
        body=TypePatch,
        response=TypeOut,
        tags=["Types"],
        **_CHANGE,
    )
    def change_type(self, type_id, body):
        """Change a type, or archive it.

        What is left out stays as it is; `null` empties.
        """
        return self.env["spp.attendance.type"]._api_patch(type_id, body)


class AttendanceLocationController(http.Controller):
    @api_route(
        f"{_BASE}/locations",
        query=LocationQuery,
        response=LocationPage,
        tags=["Locations"],
        **_READ,
    )
    def list_locations(self, query):
        """List locations."""
        return self.env["spp.attendance.location"]._api_list(query)

    @api_route(
        f"{_BASE}/locations/<int:location_id>",
        response=LocationOut,
        etag=True,
        tags=["Locations"],
        **_READ,
    )
    def read_location(self, location_id):
        """Get a location."""
        return self.env["spp.attendance.location"]._api_get(location_id)

    @api_route(
        f"{_BASE}/locations",
        body=LocationIn,
        response=LocationOut,
        tags=["Locations"],
        **_CREATE,
    )
    def create_location(self, body):
        """Create a location."""
        return self.env["spp.attendance.location"]._api_add(body)

    @api_route(
        f"{_BASE}/locations/<int:location_id>",
        body=LocationPatch,
        response=LocationOut,
        tags=["Locations"],
        **_CHANGE,
    )
    def change_location(self, location_id, body):
        """Change a location, or archive it.

        What is left out stays as it is; `null` empties.
        """
        return self.env["spp.attendance.location"]._api_patch(location_id, body)


class AttendanceDepartmentController(http.Controller):
    @api_route(
        f"{_BASE}/departments",
        query=DepartmentQuery,
        response=DepartmentPage,
        tags=["Departments"],
        **_READ,
    )
    def list_departments(self, query):
        """List departments."""
        return self.env["spp.attendance.department"]._api_list(query)

    @api_route(
        f"{_BASE}/departments/<int:department_id>",
        response=DepartmentOut,
        etag=True,
        tags=["Departments"],
        **_READ,
    )
    def read_department(self, department_id):
        """Get a department."""
        return self.env["spp.attendance.department"]._api_get(department_id)

    @api_route(
        f"{_BASE}/departments",
        body=DepartmentIn,
        response=DepartmentOut,
        tags=["Departments"],
        **_CREATE,
    )
    def create_department(self, body):
        """Create a department."""
        return self.env["spp.attendance.department"]._api_add(body)

    @api_route(
        f"{_BASE}/departments/<int:department_id>",
        body=DepartmentPatch,
        response=DepartmentOut,
        tags=["Departments"],
        **_CHANGE,
    )
    def change_department(self, department_id, body):
        """Change a department, or archive it.

        What is left out stays as it is; `null` empties. Who heads it is said on
        screen, for it gives a user rights.
        """
        return self.env["spp.attendance.department"]._api_patch(department_id, body)
