"""Does a result that adds a dependency pass its queue, and is what it set up used by nothing else?"""

from __future__ import annotations

from collections.abc import Callable

from tests.orchestrator.workflow.approval.scene import Scene
from tests.orchestrator.workflow.merge_queue.queues import Queue, queue_toml

Scenes = Callable[..., Scene]
SETUP = "setup = 'mkdir -p deps && cp requirements.txt deps/ && echo $HOME > deps/home && sh more.sh && sh own.sh'\n"
CHECK = "cat deps/requirements.txt\n[ ! -e a.txt ] || grep -q parser deps/requirements.txt\n"


def test_a_new_dependency_is_there_when_its_result_is_tested(scenes: Scenes) -> None:
    """It was tested with the set-up of the default branch, which lacks it, and came back each time."""
    scene = scenes(missions=("a", "c"), policy=queue_toml(more=SETUP))
    scene.server.push({"check.sh": CHECK, "requirements.txt": "lexer\n", "more.sh": "exit 0\n", "own.sh": "exit 0\n"})
    scene.hand_in({"a.txt": "a\n", "requirements.txt": "lexer\nparser\n"}, name="a")
    scene.hand_in({"c.txt": "c\n"}, name="c")
    queue = Queue(scene)
    queue.approve("a", "c")
    report = queue.round()
    assert report is not None
    assert (report.trouble, queue.trailers()) == ("", ["a", "c"]), queue.mission("a").reason


def test_what_a_result_set_up_stays_its_own(scenes: Scenes) -> None:
    """One that depends on the same as the default branch has its set-up; another one's folder and home are its own."""
    scene = scenes(missions=("a", "c"), policy=queue_toml(batch=1, more=SETUP))
    scene.server.push(
        {"check.sh": "exit 0\n", "requirements.txt": "lexer\n", "more.sh": "exit 0\n", "own.sh": "exit 0\n"}
    )
    scene.hand_in({"c.txt": "c\n", "more.sh": "touch deps/never $HOME/never\n"}, name="c")
    scene.hand_in({"requirements.txt": "parser\n", "own.sh": "touch deps/own $HOME/own\n"}, name="a")
    queue = Queue(scene)
    queue.approve("c", "a")
    for _ in range(2):
        queue.round()
    setups = [each for each in (scene.folder / "cache-n1").glob("setup/*/*") if (each / "tree" / "deps").is_dir()]
    made = {each.name: sorted(one.name for one in (each / "tree" / "deps").iterdir()) for each in setups}
    assert queue.trailers() == ["c", "a"], made
    assert sorted(made.values()) == [["home", "never", "own", "requirements.txt"], ["home", "requirements.txt"]]
    own = next(each for each in setups if "own" in made[each.name])
    assert (own / "tree" / "deps" / "home").read_text().strip() == str(own / "home")
    assert not list((scene.folder / "cache-n1").glob("setup/*/home/*"))
