"""CI and releases: the workflows test what is supported, and a release says one version everywhere."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.processes import DEPLOY

ROOT = DEPLOY.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
(FITTING,) = re.findall(r"wanted or \[(.*)\]", (ROOT / "scripts" / "find-python").read_text())
SUPPORTED = re.findall(r'"(3\.\d+)"', FITTING)


def workflow(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return read


def test_every_supported_python_is_tested_on_the_embedded_server_and_on_each_mongodb() -> None:
    jobs = workflow("ci.yml")["jobs"]

    assert SUPPORTED == ["3.11", "3.12", "3.13"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == SUPPORTED
    assert jobs["mongodb"]["strategy"]["matrix"] == {"python": SUPPORTED, "mongodb": ["7.0", "8.0"]}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_and_scripts_that_there_are(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for names in re.findall(r"(?:run: |^ +)make ((?:[a-z-]+ ?)+)", text, re.MULTILINE):
        assert set(names.split()) <= targets
    assert all((ROOT / script).exists() for script in re.findall(r"(?<!\./)\bscripts/[a-z-]+", text))
    assert all((ROOT / used).exists() for used in re.findall(r"uses: (\./\S+)", text))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_but_where_a_job_publishes(path: Path) -> None:
    read = workflow(path.name)

    if path.name != "image.yml":  # it has the permissions of its caller
        assert read["permissions"] == {"contents": "read"}
    writing = {name for name, job in read["jobs"].items() if "write" in str(job.get("permissions", ""))}
    assert writing == ({"image", "release"} if path.name == "release.yml" else set())


def test_a_published_image_has_an_sbom_and_its_provenance() -> None:
    (built,) = [step for step in workflow("image.yml")["jobs"]["image"]["steps"] if step.get("id") == "build"]

    assert built["with"]["sbom"] is True
    assert built["with"]["provenance"] == "mode=max"
    assert {line.partition("=")[0] for line in built["with"]["build-args"].splitlines()} == set(
        re.findall(r"^ARG (VERSION|REVISION|SOURCE_DATE_EPOCH)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    )


class Project:
    """A copy of the files that say the version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("pyproject.toml", "scripts", "deploy/helm/leads/Chart.yaml", "deploy/kubernetes/overlays"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
        self.says("2.3.4")

    def says(self, version: str, *, without: str = "") -> None:
        for name, pattern in {
            "pyproject.toml": r'^(version = ")[^"]*',
            "deploy/helm/leads/Chart.yaml": r"^((?:v|appV)ersion: ).*",
            "deploy/kubernetes/overlays/production/kustomization.yaml": r"(newTag: )[^}]*",
        }.items():
            path = self.folder / name
            changed = re.sub(pattern, rf"\g<1>{version}", path.read_text(), flags=re.MULTILINE)
            path.write_text(path.read_text() if name == without else changed)
        (self.folder / "CHANGELOG.md").write_text(
            f"# Changelog\n\n## {version} - 2027-01-31\n\nNew.\n\n## 0.1.0 - old\n"
        )

    def check(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "scripts" / "check-release", *arguments], capture_output=True, text=True, check=False
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_release_whose_files_agree_has_the_notes_of_its_version(project: Project) -> None:
    assert project.check("2.3.4").returncode == 0
    assert project.check("--notes", "2.3.4").stdout == "\nNew.\n\n"


@pytest.mark.parametrize(
    "file",
    ["pyproject.toml", "deploy/helm/leads/Chart.yaml", "deploy/kubernetes/overlays/production/kustomization.yaml"],
)
def test_a_file_that_was_forgotten_is_named(project: Project, file: str) -> None:
    project.says("2.3.5", without=file)

    done = project.check("2.3.5")

    assert done.returncode == 1
    assert file.removesuffix("/kustomization.yaml") in done.stderr
    assert "CHANGELOG" not in done.stderr


def test_a_changelog_without_the_version_and_its_date_is_named(project: Project) -> None:
    path = project.folder / "CHANGELOG.md"
    path.write_text(path.read_text().replace("2027-01-31", "unreleased"))

    done = project.check("2.3.4")

    assert done.returncode == 1
    assert 'CHANGELOG.md has no line "## 2.3.4 - DATE".' in done.stderr
