"""What to do about each fault of a terminal, for people, in their language.

The English texts are those of ``devices.errors``; they stand here once more because
translations are found by the literal.
"""


def hints(env):
    """Hints by the code of the fault, in the language of the environment."""
    return {
        "error": env._("The terminal could not be read. Try again."),
        "internal": env._(
            "The reading could not be stored because of a fault in the software. "
            "The server log says more; the scans stay on the terminal."
        ),
        "invalid_config": env._(
            "The terminal's settings are not valid. Correct them and save."
        ),
        "unsupported": env._(
            "This make of terminal is not supported. Choose another adapter."
        ),
        "unreachable": env._(
            "There is no network route to the terminal. Check its power, its cable and "
            "the address."
        ),
        "dns": env._(
            "The host name is not known. Check its spelling, or enter the IP address."
        ),
        "disconnected": env._(
            "The terminal closed the connection in the middle. It may be restarting, "
            "or another program is talking to it."
        ),
        "refused": env._(
            "The address answers, but the port is closed. Check the port on the "
            "terminal (ZKTeco: Comm. > Ethernet > TCP COMM. Port, usually 4370)."
        ),
        "timeout": env._(
            "The terminal did not answer in time. Check that it is switched on and not "
            "behind a firewall; for a large log raise the deadline."
        ),
        "auth": env._(
            "The terminal refused the communication key. Enter the key shown under "
            "Comm. > PC Connection on the terminal (not the menu password)."
        ),
        "protocol": env._(
            "What answers at this address does not speak the expected protocol. Check "
            "make, address and port."
        ),
        "data": env._(
            "The terminal sent data that cannot be read. Its firmware may use an "
            "unknown record layout."
        ),
        "incomplete": env._(
            "The number of records that the terminal counts differs from what it sent. "
            "It is read again at the next poll."
        ),
        "replaced": env._(
            "A terminal with another serial number answers at this address. Accept the "
            "new serial number if the terminal was replaced."
        ),
    }
