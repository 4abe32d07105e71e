"""The pure core of attendance: no database, no Odoo import, fully typed."""
