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
            "The terminal can't do that from here, or its make is not supported. Do it "
            "at the terminal itself, or choose another make."
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
            "The address answers, but the port is closed. Check the port, which the "
            "terminal shows in its network settings (usually 4370 for ZKTeco, 80 or "
            "443 for Hikvision, 443 for BioStar 2)."
        ),
        "timeout": env._(
            "The terminal did not answer in time. Check that it is switched on and not "
            "behind a firewall; for a large log raise the deadline."
        ),
        "forbidden": env._(
            "Terminals may not have this address. Choose another one, or have its "
            "network added to the networks of terminals in the settings."
        ),
        "busy": env._(
            "The terminal is busy with something else. It is tried again soon; another "
            "program may be talking to it."
        ),
        "tls": env._(
            "The terminal's certificate is not the expected one. Check how the "
            "certificate is verified, or accept the new one if it was renewed."
        ),
        "auth": env._(
            "The terminal refused the key or the password. Enter it again: for ZKTeco "
            "the key shown under Comm. > PC Connection (not the menu password)."
        ),
        "locked": env._(
            "The terminal locked the account after wrong attempts. Wait until it is "
            "unlocked (usually 30 minutes), check name and password, then try again "
            "here."
        ),
        "permission": env._(
            "The terminal lets the account in, but not read its events. Give it that "
            "right on the terminal."
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


def titles(env):
    """What each fault is called, in few words, by its code."""
    return {
        "error": env._("Fault"),
        "internal": env._("Fault of the software"),
        "invalid_config": env._("Settings not valid"),
        "unsupported": env._("Make not supported"),
        "unreachable": env._("No way to it"),
        "dns": env._("Name not known"),
        "disconnected": env._("Hung up"),
        "refused": env._("Port closed"),
        "timeout": env._("No answer"),
        "forbidden": env._("Address not allowed"),
        "busy": env._("Busy"),
        "tls": env._("Wrong certificate"),
        "auth": env._("Key or password refused"),
        "locked": env._("Account locked"),
        "permission": env._("Not permitted"),
        "protocol": env._("Something else answered"),
        "data": env._("Not readable"),
        "incomplete": env._("Incomplete"),
        "replaced": env._("Another unit"),
    }


def makes(env):
    """What makes are called that have no name of their own, by the key of the make."""
    return {
        "lines": env._("Line JSON (TCP)"),
        "simulated": env._("Simulated"),
    }


def option_help(env):
    """What can be set in the settings of a make, by the key of the make."""
    return {
        "biostar": env._(
            "readers: ids of the readers that count, such as [541930001]; without it,"
            " all of the server's\n"
            "tna_keys: what its attendance keys mean, such as"
            ' {"1": "in", "2": "out"}\n'
            "denied: true when refused scans count, too\n"
            "overlap_hours: how far back each reading looks for events that came late,"
            " 0 to 168\n"
            "history_days: how far back the first reading goes"
        ),
        "hikvision": env._(
            "page: how many events it is asked for at once, 1 to 1000\n"
            "passes: further event codes that count as having passed, such as [75]\n"
            "fails: event codes that don't count"
        ),
        "simulated": env._(
            'people: list of badge codes, such as ["P-0001", "7731"]\n'
            "per_minute: scans a minute on average, 0 to 60\n"
            "days: how many days its log holds, 1 to 31\n"
            "scans: instead of those two, exactly so many, all of yesterday\n"
            "latency_s: seconds that each conversation takes\n"
            "seed: any text; another one gives other scans\n"
            "fault: what goes wrong, such as offline, refuse_auth, timeout, close_mid,"
            " busy, clock_drift, wrong_count, unmatched"
        ),
    }
