"""The screen of `watch` at the widths that windows have, with tasks in each state: it is compared as a whole."""

import pytest

from tests.cli.live.rows import busy, groups, lines, model

# ruff: noqa: E501 - the screens are as wide as windows

SCREEN_60 = """\
dispatcher host-a ♥ 5 s ago                         12:00:00
running 2   starting 1   stopping 1   queued 25   retry 1
limit 8   held 1   failed 1   succeeded 5
6 of 45 done, $41.20 today
GROUP        SLOTS  QUEUE   TODAY  STATE
claude-main    4/4     25  $41.20  full
claude-work    0/2     25          cooling until 13:05, 65 …
codex-team     2/4      0          open

  TASK  STATE     NAME          WHY
▸  812  running   fix-auth-te…  Edit src/auth/session.py
   815  running   docs-pass     silent for 4 min: runs make…
   814  stopping  e2e
   816  starting  triage-#4411
 + 20x  queued                  claude-main is full (4/4)
 +  5x  queued                  wait for their turn
 +  8x  limit                   until 13:05 (65 min): usage…
   860  retry     e2e-flaky     again in 45 s, after: the t…
   861  held      nightly       held until somebody release…
   807  failed    e2e-flaky     it ran for 30 min, which is…
lines 1-10 of 15   812 fix-auth-tests
? help  q quit  Enter show  l logs  c cancel  r retry"""

SCREEN_80 = """\
dispatcher host-a ♥ 5 s ago                                             12:00:00
running 2   starting 1   stopping 1   queued 25   retry 1   limit 8   held 1
failed 1   succeeded 5
6 of 45 done, $41.20 today
GROUP        SLOTS        QUEUE   TODAY  STATE
claude-main    4/4  ████     25  $41.20  full
claude-work    0/2  ░░       25          cooling until 13:05, 65 min (usage lim…
codex-team     2/4  ██░░      0          open

  TASK  STATE     NAME          WHY
▸  812  running   fix-auth-te…  Edit src/auth/session.py
   815  running   docs-pass     silent for 4 min: runs make test
   814  stopping  e2e
   816  starting  triage-#4411
 + 20x  queued                  claude-main is full (4/4)
 +  5x  queued                  wait for their turn
 +  8x  limit                   until 13:05 (65 min): usage limit of claude-work
   860  retry     e2e-flaky     again in 45 s, after: the tests in tests/e2e fa…
   861  held      nightly       held until somebody releases it
   807  failed    e2e-flaky     it ran for 30 min, which is its timeout
lines 1-10 of 15   812 fix-auth-tests
? help  q quit  Enter show  l logs  c cancel  r retry  / filter  h hold/release"""

SCREEN_120 = """\
dispatcher host-a ♥ 5 s ago                                                                                     12:00:00
running 2   starting 1   stopping 1   queued 25   retry 1   limit 8   held 1   failed 1   succeeded 5
6 of 45 done, $41.20 today
GROUP        SLOTS        QUEUE   TODAY  STATE
claude-main    4/4  ████     25  $41.20  full
claude-work    0/2  ░░       25          cooling until 13:05, 65 min (usage limit)
codex-team     2/4  ██░░      0          open

  TASK  STATE      NAME            GROUP        AGE  ELAPSED  TRY  WHY
▸  812  running    fix-auth-tests  claude-main  14m     6:12  1/3  Edit src/auth/session.py
   815  running    docs-pass       claude-main   9m     8:50  1/3  silent for 4 min: runs make test
   814  stopping   e2e             codex-team    9m     0:30  1/3
   816  starting   triage-#4411    codex-team    2s           1/3
 + 20x  queued                                                     claude-main is full (4/4)
 +  5x  queued                                                     wait for their turn
 +  8x  limit                                                      until 13:05 (65 min): usage limit of claude-work
   860  retry      e2e-flaky       claude-main  10s           2/3  again in 45 s, after: the tests in tests/e2e failed:…
   861  held       nightly         claude       10s           1/3  held until somebody releases it
   807  failed     e2e-flaky       claude-main  40m    30:00  3/3  it ran for 30 min, which is its timeout
   801  succeeded  lint-sweep      claude-main  31m    11:07  1/3
   802  succeeded  lint-sweep      claude-main  31m    11:07  1/3
   803  succeeded  lint-sweep      claude-main  31m    11:07  1/3
   804  succeeded  lint-sweep      claude-main  31m    11:07  1/3
   805  succeeded  lint-sweep      claude-main  31m    11:07  1/3

? help  q quit  Enter show  l logs  c cancel  r retry  / filter  h hold/release  t top  s sort  P pause group"""

SCREEN_200 = """\
dispatcher host-a ♥ 5 s ago                                                                                                                                                                     12:00:00
running 2   starting 1   stopping 1   queued 25   retry 1   limit 8   held 1   failed 1   succeeded 5
6 of 45 done, $41.20 today
GROUP        SLOTS        QUEUE   TODAY  STATE
claude-main    4/4  ████     25  $41.20  full
claude-work    0/2  ░░       25          cooling until 13:05, 65 min (usage limit)
codex-team     2/4  ██░░      0          open

  TASK  STATE      NAME            GROUP        AGE  ELAPSED  TRY  TOKENS   COST  WHY
▸  812  running    fix-auth-tests  claude-main  14m     6:12  1/3    412k  $1.31  Edit src/auth/session.py
   815  running    docs-pass       claude-main   9m     8:50  1/3   96.0k  $0.28  silent for 4 min: runs make test
   814  stopping   e2e             codex-team    9m     0:30  1/3
   816  starting   triage-#4411    codex-team    2s           1/3
 + 20x  queued                                                                    claude-main is full (4/4)
   840  queued     fix-auth-tests  claude       10s           1/3                 1 like it ahead
   841  queued     docs-pass       claude       10s           1/3                 2 like it ahead
   842  queued     refactor-cli    claude       10s           1/3                 3 like it ahead
   843  queued     fix-auth-tests  claude       10s           1/3                 4 like it ahead
   844  queued     docs-pass       claude       10s           1/3                 5 like it ahead
 +  8x  limit                                                                     until 13:05 (65 min): usage limit of claude-work
   860  retry      e2e-flaky       claude-main  10s           2/3                 again in 45 s, after: the tests in tests/e2e failed: 3 of 41
   861  held       nightly         claude       10s           1/3                 held until somebody releases it
   807  failed     e2e-flaky       claude-main  40m    30:00  3/3                 it ran for 30 min, which is its timeout
   801  succeeded  lint-sweep      claude-main  31m    11:07  1/3    301k  $0.92
   802  succeeded  lint-sweep      claude-main  31m    11:07  1/3    301k  $0.92
   803  succeeded  lint-sweep      claude-main  31m    11:07  1/3    301k  $0.92
   804  succeeded  lint-sweep      claude-main  31m    11:07  1/3    301k  $0.92
   805  succeeded  lint-sweep      claude-main  31m    11:07  1/3    301k  $0.92

? help  q quit  Enter show  l logs  c cancel  r retry  / filter  h hold/release  t top  s sort  P pause group  Space mark  f failed first  w wide"""


@pytest.mark.parametrize(
    "screen", [SCREEN_60, SCREEN_80, SCREEN_120, SCREEN_200], ids=["60", "80", "120", "200"]
)
def test_the_reason_has_its_room_and_other_columns_make_way(
    screen: str,
) -> None:
    width = {SCREEN_60: 60, SCREEN_80: 80, SCREEN_120: 120, SCREEN_200: 200}[screen]
    told = screen.splitlines()
    shown = model(
        *busy(),
        width=width,
        height=len(told),
        groups=groups(),
        stopping=frozenset({814}),
        selected=True,
    )
    assert lines(shown) == told
