"""What people write into config.yaml, and the message when it is wrong."""

from pathlib import Path

import pytest

from dispatcher.checks.checklist import check_config_file
from dispatcher.configuration import settings
from dispatcher.errors import UsageError
from tests.dispatcher.configuration.files import complaint, load
from tests.fixtures.users import NOBODY, as_user, needs_root
from wrappers import registry


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LLMCTL_CONFIG", "LLMCTL_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMCTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))


def test_the_example_of_the_design_is_understood(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        """
        groups:
          claude-main: {tool: claude, account: main, max_concurrent: 4,
                        env: {ANTHROPIC_API_KEY: "env:CLAUDE_MAIN_KEY"}, config_home: ~/.claude-main}
          codex-team: {tool: codex, account: team, max_concurrent: 2,
                       env: {CODEX_API_KEY: "file:/etc/llm/codex.key"}}
        limits: {"tool:claude": 3, "model:opus": 1, "tenant:acme": 2}
        tools:
          aider: {argv: [aider, --yes, --message-file, "{prompt_file}"], output: text, proof: none}
          mytool: {argv: [mytool, --json], prompt: stdin, output: json, answer: result}
          codex: {command: /opt/codex/bin/codex}
        """,
    )
    assert read.groups["claude-main"].max_concurrent == 4
    assert read.groups["codex-team"].env == {"CODEX_API_KEY": "file:/etc/llm/codex.key"}
    assert read.limits["model:opus"] == 1
    assert read.tools["aider"].argv == ("aider", "--yes", "--message-file", "{prompt_file}")
    assert read.tools["mytool"].answer == "result"


def test_a_file_with_nothing_in_it_means_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing yet\ndatabase:\n  # url: later\n") == settings.Settings()


def test_the_defaults_of_the_design() -> None:
    defaults = settings.Settings()
    assert (defaults.database.url, defaults.database.name) == (None, "cli_worker")
    assert (defaults.dispatcher.heartbeat_interval, defaults.dispatcher.lease_interval) == (30, 60)
    assert defaults.execution.timeout == 600
    assert (defaults.retention.tasks, defaults.retention.output) == (None, 30 * 86_400)
    assert not defaults.security.allow_dangerous_flags
    assert defaults.security.enforce_path_whitelist


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dispatcher: {grce: 3}", "dispatcher.grce is not a known key; did you mean dispatcher.grace?"),
        ("databse: {}", "databse is not a known key; did you mean database?"),
        (
            "groups: {a: {tool: claude, max_conc: 3}}",
            "groups.a.max_conc is not a known key; did you mean groups.a.max_concurrent?",
        ),
        ("heartbeat_interval: 3", "did you mean dispatcher.heartbeat_interval?"),
        ("logging: {zzz: 3}", "logging.zzz is not a known key; known here: level, format"),
        ("database: {pool_size: many}", "database.pool_size: expected `int`, got `str`"),
        ("database: {pool_size: true}", "database.pool_size: expected `int`, got `bool`"),
        ("database: {pool_size: 0}", "database.pool_size: expected `int` >= 1"),
        (
            "security: {allow_dangerous_flags: 1}",
            "security.allow_dangerous_flags: expected `bool`, got `int`",
        ),
        ("groups: {a: {tool: claude, max_concurrent: 0}}", "groups.a.max_concurrent: expected `int` >= 1"),
        ("groups: {a: {account: x}}", "groups.a.tool is missing"),
        ("groups: {a: {tool: cluade}}", "groups.a.tool 'cluade' is not a known tool"),
        (
            "execution: {timeout: soon}",
            "execution.timeout: 'soon' is not a length of time: expected a number with",
        ),
        (
            "execution: {timeout: [1]}",
            "expected `float`, got `array`; write a length of time such as 10m, or a nu",
        ),
        (
            "execution: {timeout: '10'}",
            "expected `float`, got `str`; write a length of time such as 10m, or a num",
        ),
        ("execution: {timeout: 0s}", "execution.timeout: expected `float` > 0"),
        (
            "execution: {keep_sessions: .inf}",
            "execution.keep_sessions: expected `float` <= 10000000000.0; write",
        ),
        ("retention: {output: 30 days}", "retention.output: '30 days' is not a length of time"),
        (
            "execution: {max_log_bytes: 20XB}",
            "execution.max_log_bytes: '20XB' is not a size: expected a number with",
        ),
        (
            "execution: {max_log_bytes: 1.5}",
            "write a size such as 20MiB, or a number of bytes such as 1048576",
        ),
        ("limits: {'tool:claude': 3000000000}", "limits.tool:claude: expected `int` <= 2147483647"),
        ("groups: {a: {tool: claude, max_concurrent: 3000000000}}", "max_concurrent: expected `int` <= 2147"),
        ("groups: [a]", "groups: expected keys and values, not a list"),
        ("groups: {7: {tool: claude}}", "groups: the key 7 must be text"),
        ("tools: {mine: {argv: [mine, 7]}}", "tools.mine.argv[1]: expected `str"),
        (
            "tools: {mine: {events: [{ends: true}, {whne: {a: 1}}]}}",
            "tools.mine.events[1].whne is not a known key; did you mean tools.mine.events[1].when?",
        ),
        (
            "tools: {mine: {events: [{when: {type: [a, [b]]}}]}}",
            "tools.mine.events[0].when.type[1]: expected `bool",
        ),
        ("tools: {mine: {events: {ends: true}}}", "tools.mine.events: expected `array`, got `object`"),
        ("tools: {mine: {events: [ends]}}", "tools.mine.events[0]: expected keys and values, not text"),
        ("tools: {mine: {events: [{class: x}]}}", "tools.mine.events[0].class: expected one of limit, thr"),
        ("tools: {mine: {login: {status: [a]}}}", "tools.mine.login.command is missing"),
        ("tools: {mine: {exit_codes: {0: auth}}}", "tools.mine.exit_codes: the key 0: expected `int` >= 1"),
        ("tools: {mine: {exit_codes: {a: auth}}}", "tools.mine.exit_codes: the key 'a': expected `int`"),
        (
            "tools: {mine: {argv: [mine, {permission: {write: []}}]}}",
            "tools.mine.argv[1].permission: the key 'write': expected one of read, edit, full",
        ),
        ("limits: {claude: 3}", "limits.claude is not a valid scope: expected tool:NAME"),
        (
            "limits: {'tool:cluade': 1}",
            "limits.tool:cluade: 'cluade' is not a known tool (aider, ",
        ),
        ("limits: {'tool:claude': -1}", "limits.tool:claude: expected `int` >= 0"),
        ("execution: {cleanup: sometimes}", "execution.cleanup: expected one of always, on_success, never"),
        ("retention: {tasks: 3600}", "retention.tasks must not be less than execution.keep_sessions"),
        ("execution: {work_dir: runs}", "execution.work_dir must be an absolute path"),
        (
            "dispatcher: {lease_interval: 20}",
            "dispatcher.lease_interval must be longer than heartbeat_interval",
        ),
        (f"database: {{name: {'é' * 32}}}", "database.name must have at most 63 bytes"),
        (
            "groups: {a: {tool: claude}, b: {tool: claude}}",
            "groups.b and groups.a have the same account 'default' of claude",
        ),
        ("- a\n- b", "expected keys and values, such as `limits:`, not a list"),
        ("database:\n  name: a\n  name: b\n", "line 3, column 3: the key 'name' is here a second time"),
        ("database:\n  name: [a\nlimits: {}\n", "line 3, column 7: "),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in complaint(tmp_path, text)


def test_a_tool_is_described_in_full(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        """
        tools:
          mine:
            argv: [mine, {permission: {read: [--plan], edit: []}}]
            output: jsonl
            events: [{when: {a: [1, x], b: null}, answer: [c, d.*.e]}, {stderr: "x$${HOME}", error: "${ERROR:-what}"}]
            exit_codes: {76: auth, "77": limit}
            stop: {signal: INT}
            login:
        """,
    ).tools["mine"]
    assert read.events[0].when == {"a": (1, "x"), "b": None}
    assert read.events[0].answer == ("c", "d.*.e")
    assert (read.events[1].stderr, read.events[1].error) == ("x${HOME}", "what")
    assert read.exit_codes == {76: "auth", 77: "limit"}
    assert (read.stop and read.stop.signal, read.login) == ("INT", None)


def test_a_group_may_name_a_preset(tmp_path: Path) -> None:
    assert load(tmp_path, "groups: {a: {tool: qwen}}").groups["a"].tool == "qwen"


def test_lengths_of_time_and_sizes_have_units_or_are_plain_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "2d")
    read = load(
        tmp_path,
        """
        dispatcher: {lease_interval: 1m30s, heartbeat_interval: 0.5, grace: 0}
        execution: {timeout: 2h, stall_timeout: null, keep_sessions: 1d, max_output_bytes: 1GB, max_log_bytes: 20MiB}
        retention: {tasks: "${KEPT}", output: "${OUTPUT:-86400}", interval: 3600}
        """,
    )
    assert (read.dispatcher.lease_interval, read.dispatcher.heartbeat_interval) == (90, 0.5)
    assert (read.execution.timeout, read.execution.keep_sessions) == (7200, 86_400)
    assert (read.execution.max_output_bytes, read.execution.max_log_bytes) == (10**9, 20 * 2**20)
    assert (read.retention.tasks, read.retention.output) == (2 * 86_400, 86_400)


def test_a_work_directory_in_a_home_that_nobody_has_is_named(tmp_path: Path) -> None:
    read = load(tmp_path, "execution: {work_dir: ~no-such-user/work}")
    with pytest.raises(UsageError, match="'~no-such-user/work' names a home directory that does not exist"):
        read.execution.work_directory()


def test_the_built_in_tools_are_those_that_have_a_wrapper() -> None:
    wrappers = registry.built_in()
    assert {name: wrapper.name for name, wrapper in wrappers.items()} == {
        name: name for name in registry.BUILT_IN
    }
    assert settings.Settings(limits={f"tool:{name}": 1 for name in wrappers}).limits


def test_a_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no configuration file"):
        settings.load(tmp_path / "none.yaml")
    monkeypatch.setenv("LLMCTL_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match="there is no configuration file"):
        settings.load()


@needs_root
def test_a_file_that_may_not_be_looked_for_is_named(
    home_of_nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_of_nobody.chmod(0)
    for name, value in (("LLMCTL_CONFIG", home_of_nobody / "config.yaml"), ("LLMCTL_HOME", home_of_nobody)):
        monkeypatch.delenv("LLMCTL_CONFIG", raising=False)
        monkeypatch.setenv(name, str(value))
        with pytest.raises(UsageError, match=f"cannot read {home_of_nobody}/config.yaml: Permission denied"):
            as_user(NOBODY, settings.load)


def test_the_option_comes_first_then_the_variable_then_the_home_and_then_the_users_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_config_file().what == (
        f"no config.yaml: looked at {tmp_path}/home/config.yaml and {tmp_path}/user/llmctl/config.yaml"
    )
    for name in ("user/llmctl", "home", "variable", "option"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text(f"database: {{name: {name}}}")
        if name == "variable":
            monkeypatch.setenv("LLMCTL_CONFIG", str(tmp_path / "variable/config.yaml"))
        option = tmp_path / "option/config.yaml" if name == "option" else None
        assert settings.load(option).database.name == name
        assert check_config_file(option).what == str(tmp_path / name / "config.yaml")


def test_a_config_file_in_the_current_directory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("tools: {claude: {command: /tmp/evil}}")
    monkeypatch.chdir(tmp_path)
    assert settings.load() == settings.Settings()


def test_the_environment_overrides_the_url_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMCTL_DATABASE_URL", "postgresql://other")
    read = load(tmp_path, "database: {url: 'postgresql://one', name: tasks}")
    assert (read.database.url, read.database.name) == ("postgresql://other", "tasks")


def test_variables_are_expanded_also_in_numbers_and_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT", "/srv")
    monkeypatch.setenv("POOL", "9")
    monkeypatch.setenv("EMPTY", "")
    read = load(
        tmp_path,
        """
        database: {pool_size: "${POOL}", name: "${NOT_SET:-fallback}${EMPTY:-x}"}
        security: {allowed_roots: ["${ROOT}/one"]}
        tools: {mine: {argv: [mine, "$${POOL}", "$HOME"]}}
        """,
    )
    assert (read.database.pool_size, read.database.name) == (9, "fallbackx")
    assert read.security.allowed_roots == ("/srv/one",)
    assert read.tools["mine"].argv == ("mine", "${POOL}", "$HOME")


def test_a_variable_that_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    assert "database.url: the environment variable NOT_SET is not set" in complaint(
        tmp_path, "database: {url: 'postgresql://u:${NOT_SET}@h'}"
    )
    assert "`$${`" in complaint(tmp_path, "database: {url: '${1x}'}")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTHROPIC_API_KEY", "anything"),
        ("MY_SECRET_WORD", "anything"),
        ("GH_TOKEN", "whatever"),
        ("HARMLESS", "sk-ant-short"),
        ("HARMLESS", "ghp_0123456789"),
        ("HARMLESS", "9b0f3f6c1f7f4f0e8d2a5b7c6d1e0f3a"),
        ("HTTPS_PROXY", "http://user:word@proxy:3128"),
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(
    tmp_path: Path, variable: str, value: str
) -> None:
    message = complaint(tmp_path, f"groups: {{a: {{tool: claude, env: {{{variable}: '{value}'}}}}}}")
    assert f"groups.a.env.{variable} must not be written in plain text" in message
    assert f'"env:{variable}"' in message
    assert value not in message


def test_a_secret_that_an_expanded_variable_brings_in_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_MAIN_KEY", "sk-ant-0123456789")
    message = complaint(
        tmp_path, "groups: {a: {tool: claude, env: {ANTHROPIC_API_KEY: '${CLAUDE_MAIN_KEY}'}}}"
    )
    assert "0123456789" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTHROPIC_API_KEY", "env:CLAUDE_MAIN_KEY"),
        ("ANTHROPIC_API_KEY", "file:/run/secrets/claude"),
        ("ANTHROPIC_MODEL", "claude-sonnet-4-5-20250929"),
        ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "32000"),
        ("HTTPS_PROXY", "http://proxy.example.com:3128"),
        ("ANTHROPIC_MODEL", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/google.json"),
    ],
)
def test_references_and_harmless_values_are_taken(tmp_path: Path, variable: str, value: str) -> None:
    read = load(tmp_path, f"groups: {{a: {{tool: claude, env: {{{variable}: '{value}'}}}}}}")
    assert read.groups["a"].env == {variable: value}


def test_a_password_in_the_url_is_not_in_what_is_printed_of_the_settings(tmp_path: Path) -> None:
    assert "geheim" not in repr(load(tmp_path, "database: {url: 'postgresql://u:geheim@h/x'}"))
