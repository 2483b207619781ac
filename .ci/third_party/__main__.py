"""A Django project of somebody else's, from PyPI, gets the wheel in DIST and the README's lines, inside FOLDER.

Its own tests come out as before, and a view of it is stopped, verified and run exactly once.

    python3 .ci/third_party DIST FOLDER
"""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path

PROJECT = "django-newsletter==1.2.1"
# What its tests import. One of them wants python-ldap too, which would have to be compiled: it fails before and after.
REQUIREMENTS = ["django==5.2.*", "django-tinymce", "django-webtest", "python-card-me", "pytz", "six", "sorl-thumbnail"]
REQUIREMENTS += ["tblib", "unicodecsv"]
HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
VIEW = "NewsletterListView.as_view()"
SECTION = r"^## Install into your project$.*?^```python$\n# settings.py\n(.*?)# urls.py\n(.*?)^```$"


def main(dist, folder):
    python = make_environment(folder)
    project = unpack(python, folder)
    shutil.copy(HERE / "recording.py", project)
    before = test(python, project, "recording.Runner")
    [wheel] = dist.glob("*.whl")
    pip(python, "install", wheel)
    add_readme_lines(project / "test_project" / "test_project")
    manage(python, project, "check")
    manage(python, project, "makemigrations", "--check", "--dry-run", "authsignal")
    assert test(python, project, "recording.Runner") == before
    protect_view(project / "newsletter" / "urls.py")
    assert test(python, project, "recording.AllowedRunner") == before
    print(f"{PROJECT}: {dict(Counter(before.values()))}, without the package as with it and with a view protected")
    shutil.copy(HERE / "test_step_up.py", project / "tests")
    manage(python, project, "test", "tests.test_step_up")


def make_environment(folder):
    venv.create(folder / "venv", symlinks=True, with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip(python, "install", *REQUIREMENTS)
    return python


def unpack(python, folder):
    pip(python, "download", "--no-deps", "--no-binary", ":all:", "--dest", folder, PROJECT)
    [archive] = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder, filter="data")
    project = folder / archive.name.removesuffix(".tar.gz")
    pip(python, "install", "--editable", project)
    return project


def add_readme_lines(site):
    """Append them as they stand. Only the line about DEBUG is uncommented: it is off in this project."""
    settings, urls = re.search(SECTION, (CHECKOUT / "README.md").read_text(), re.MULTILINE | re.DOTALL).groups()
    append(site / "settings.py", settings.replace("# AUTHSIGNAL_SITE_URL", "AUTHSIGNAL_SITE_URL"))
    append(site / "urls.py", urls)


def append(path, text):
    path.write_text(f"{path.read_text()}\n{text}")


def protect_view(urls):
    text = urls.read_text()
    assert VIEW in text
    text = text.replace(VIEW, f'step_up_required("changeSubscriptions", methods=["POST"])({VIEW})')
    urls.write_text(f"from django_authsignal.decorators import step_up_required\n{text}")


def test(python, project, runner):
    """What became of each of the project's tests."""
    outcomes = project / "outcomes.json"
    outcomes.unlink(missing_ok=True)
    # It exits with 1 where one fails.
    manage(python, project, "test", "--parallel", "2", "--testrunner", runner, check=False)
    found = json.loads(outcomes.read_text())
    assert Counter(found.values())["passed"] > 150, found
    return found


def manage(python, project, *arguments, check=True):
    print("django-admin", *arguments, flush=True)
    variables = {
        "PYTHONPATH": f"{project}:{project / 'test_project'}",
        "DJANGO_SETTINGS_MODULE": "test_project.settings",
        "AUTHSIGNAL_SECRET": "a secret",
    }
    subprocess.run([python.parent / "django-admin", *arguments], cwd=project, env=os.environ | variables, check=check)


def pip(python, command, *arguments):
    subprocess.run([python, "-m", "pip", command, "--quiet", *arguments], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
