"""What to do about each fault of a registry or a file, for people, in their language.

The English texts are those of ``registry.errors``; they stand here once more because
translations are found by the literal.
"""


def hints(env):
    """Hints by the code of the fault, in the language of the environment."""
    return {
        "error": env._("The registry could not be read. Try again."),
        "internal": env._(
            "The import could not go on because of a fault in the software. The server "
            "log says more; what was imported before stays."
        ),
        "busy": env._(
            "Too much was going on in the database. It is tried again by itself."
        ),
        "changed": env._(
            "The source asks another address, or has another file, than when this "
            "import began. Start a new one."
        ),
        "crashed": env._(
            "The server was stopped again and again while it worked on this import. "
            "Ask for fewer rows a page, and resume it."
        ),
        "forbidden": env._(
            "The user in whose name it was done may not do so. Give them the rights, "
            "or start a new import in your own name."
        ),
        "no_user": env._(
            "The user in whose name it was done is archived, or doesn't manage "
            "attendance any more. Choose another responsible person for the source."
        ),
        "invalid_config": env._(
            "The settings of this source are not valid. Correct them and save."
        ),
        "forbidden_address": env._(
            "This address is not allowed. An administrator can allow it in the "
            "settings, under the hosts that imports may ask."
        ),
        "unreachable": env._(
            "The registry can't be reached. Check the address and whether it is "
            "running."
        ),
        "untrusted": env._(
            "The registry's certificate is not valid. Ask its operator to renew it, or "
            "have your server trust the authority that issued it."
        ),
        "timeout": env._(
            "The registry did not answer in time. Ask for fewer people at a time."
        ),
        "refused": env._(
            "The registry refused the credentials. Check user name and secret."
        ),
        "server_error": env._("The registry has a fault or is busy. Try again later."),
        "rejected": env._(
            "The registry rejected the request. Check the body of the request."
        ),
        "bad_answer": env._(
            "The registry's answer is not what was expected. Check the address and the "
            "path of the rows."
        ),
        "too_big": env._(
            "The answer or the file is too big. Ask for fewer people at a time."
        ),
        "bad_file": env._(
            "The file can't be read. Save it as CSV (UTF-8) or XLSX and try again."
        ),
    }


def hint(env, code):
    """What to do about a fault; False when there is none."""
    texts = hints(env)
    return texts.get(code, texts["error"]) if code else False
