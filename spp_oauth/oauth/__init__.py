"""OAuth 2.0 without Odoo: keys, tokens, secrets and the token endpoint.

Nothing here knows a database or a web framework; the models hand in what they
have looked up and get plain values back.
"""
