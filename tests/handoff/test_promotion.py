"""Which lessons become known, which contradict each other, and what does a person's word change?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.errors import KnowledgeUnreadable
from handoff.knowledge import (
    Knowledge,
    LessonMention,
    LessonState,
    parse_knowledge,
    render_knowledge,
    slug_of,
    with_lessons,
)
from handoff.marks.model_mark import PROPOSED, ModelMark, with_mark
from handoff.promotion import (
    Lesson,
    LessonStanding,
    apply_decision,
    contradict,
    is_same_lesson,
    lessons,
    update_knowledge,
)
from missions.archive_path import dated_path, day_of

NOW, LATER = "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"
CACHE = "Clear the build cache before a release"


def mention(
    text: str, number: int, *, mission: str = "", project: str = "", when: str = "", marked: bool = False
) -> LessonMention:
    """A memo's lesson."""
    return LessonMention(
        text=text,
        memo_id=f"m{number}",
        mission=mission or f"m{number}",
        project=project,
        when=when or f"2026-11-{number:02}T08:00:00Z",
        marked=marked,
    )


def of(
    *mentions: LessonMention, known: tuple[Knowledge, ...] = (), missions: int = 2, projects: int = 2
) -> list[Lesson]:
    return lessons(mentions, known, missions=missions, projects=projects)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CACHE, "Always clear the build cache before each release."),
        ("Run `pytest -n 2` in CI", "In CI run `pytest -n 2`"),
        ("The parser needs UTF-8 files", "Parser needs its files in UTF-8"),
    ],
)
def test_near_duplicates_are_one_lesson(one: str, other: str) -> None:
    """Order, small words and endings do not matter."""
    assert is_same_lesson(one, other)
    assert not contradict(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CACHE, "Do not clear the build cache before a release"),
        ("A timeout of 30 seconds is enough for the build", "A timeout of 90 seconds is enough for the build"),
        ("Enable the cache in CI builds", "Disable the cache in CI builds"),
        ("Always squash commits before merging", "Never squash commits before merging"),
    ],
)
def test_contradictions_are_seen_from_either_side(one: str, other: str) -> None:
    """A negation, a number or an opposite tells two lessons apart that are otherwise the same."""
    assert contradict(one, other)
    assert contradict(other, one)
    assert not is_same_lesson(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CACHE, "The licence server is down on Mondays"),
        ("Use tabs", "Use 4 spaces in YAML"),
        ("Use port 80", "Retry 3 times"),
    ],
)
def test_lessons_about_other_things_are_neither(one: str, other: str) -> None:
    """Few common words: two lessons."""
    assert not is_same_lesson(one, other)
    assert not contradict(one, other)


def test_a_lesson_is_due_when_enough_missions_or_projects_saw_it_or_a_person_marked_it() -> None:
    """Twice in one mission is once; the bars are settings."""
    once = [mention(CACHE, 1), mention(CACHE, 2, mission="m1")]
    assert [one.standing for one in of(*once)] == [LessonStanding.CANDIDATE]
    assert [one.standing for one in of(*once, mention(CACHE, 3))] == [LessonStanding.DUE]
    assert [one.standing for one in of(*once, mention(CACHE, 3), missions=3, projects=0)] == [LessonStanding.CANDIDATE]
    two_projects = [mention(CACHE, 1, mission="x", project="a"), mention(CACHE, 2, mission="x", project="b")]
    assert [one.standing for one in of(*two_projects, missions=9)] == [LessonStanding.DUE]
    assert [one.standing for one in of(mention(CACHE, 1, marked=True))] == [LessonStanding.DUE]


def test_a_due_lesson_becomes_known_with_its_provenance_and_stays_so() -> None:
    """Settling twice changes nothing more."""
    said = [mention(CACHE, 1, project="a"), mention(f"{CACHE}.", 2, project="b")]
    (known,) = update_knowledge(of(*said), [], now=NOW)
    assert (known.state, known.lesson, known.since, known.by) == (LessonState.KNOWN, CACHE, NOW, "")
    assert [one.memo_id for one in known.mentions] == ["m1", "m2"]
    assert update_knowledge(of(*said, known=(known,)), [known], now=LATER) == []
    assert [one.standing for one in of(*said, known=(known,))] == [LessonStanding.KNOWN]


def test_contradictions_are_not_both_kept_as_true() -> None:
    """Neither side becomes known by itself, however often it was said; each names the other."""
    against = "Do not clear the build cache before a release"
    said = [mention(CACHE, 1), mention(CACHE, 2), mention(against, 3), mention(against, 4)]
    found = of(*said)
    assert [one.standing for one in found] == [LessonStanding.CONTESTED] * 2
    assert {one.slug: one.against for one in found} == {
        found[0].slug: (found[1].slug,),
        found[1].slug: (found[0].slug,),
    }
    assert update_knowledge(found, [], now=NOW) == []


def test_a_known_lesson_is_contested_when_it_is_contradicted_later_and_known_again_when_that_is_rejected() -> None:
    """Demotion and return."""
    said = [mention(CACHE, 1), mention(CACHE, 2)]
    (known,) = update_knowledge(of(*said), [], now="2026-11-10T00:00:00Z")
    after = mention("Never clear the build cache before a release", 12)
    found = of(*said, after, known=(known,))
    (contested,) = update_knowledge(found, [known], now=NOW)
    assert (contested.state, contested.against) == (LessonState.CONTESTED, (after.text,))
    other = next(one for one in found if one.text == after.text)
    (rejected,) = apply_decision(other, found, [contested], by="ada", now=NOW, keep=False, why="it breaks builds")
    assert (rejected.state, rejected.by, rejected.why) == (LessonState.REJECTED, "ada", "it breaks builds")
    files = (contested, rejected)
    (again,) = update_knowledge(of(*said, after, known=files), files, now=LATER)
    assert (again.slug, again.state, again.against) == (known.slug, LessonState.KNOWN, ())


def test_a_rejected_lesson_stays_rejected_in_other_words() -> None:
    """It comes again from other missions and becomes neither known nor a contradiction."""
    found = of(mention(CACHE, 1))
    (rejected,) = apply_decision(found[0], found, [], by="ada", now=NOW, keep=False)
    again = of(mention("Clear build caches before the release", 22), mention(CACHE, 23), known=(rejected,))
    assert [(one.standing, one.slug) for one in again] == [(LessonStanding.REJECTED, rejected.slug)]


def test_a_persons_word_for_one_side_contests_the_other_for_good() -> None:
    """Promoting what contradicts a known lesson takes that one off the page, and settling does not bring it back; the
    person may turn it round again. Whatever the memos' clocks said."""
    old = [mention(CACHE, 1), mention(CACHE, 2)]
    (known,) = update_knowledge(of(*old), [], now="2026-11-10T00:00:00Z")
    said = [*old, mention("Do not clear the build cache before a release", 5, when="2031-01-01T00:00:00Z")]
    found = of(*said, known=(known,))
    other = next(one for one in found if one.slug != known.slug)
    changed = apply_decision(other, found, [known], by="ada", now=NOW, keep=True)
    assert {one.slug: one.state for one in changed} == {
        other.slug: LessonState.KNOWN,
        known.slug: LessonState.CONTESTED,
    }
    kept = tuple(({known.slug: known} | {one.slug: one for one in changed}).values())
    assert update_knowledge(of(*said, known=kept), kept, now=LATER) == []
    again = of(*said, mention("Never clear a build cache before the release", 7), known=kept)
    assert {one.slug: one.standing for one in again} == {
        other.slug: LessonStanding.KNOWN,
        known.slug: LessonStanding.REJECTED,
    }
    first = next(one for one in again if one.slug == known.slug)
    turned = apply_decision(first, again, kept, by="bob", now=LATER, keep=True)
    assert {one.slug: one.state for one in turned} == {known.slug: LessonState.KNOWN, other.slug: LessonState.CONTESTED}
    final = tuple(({one.slug: one for one in kept} | {one.slug: one for one in turned}).values())
    assert {one.state for one in update_knowledge(of(*said, known=final), final, now=LATER)} <= {LessonState.CONTESTED}
    assert {one.slug: one.standing for one in of(*said, known=final)} == {
        known.slug: LessonStanding.KNOWN,
        other.slug: LessonStanding.REJECTED,
    }


def test_a_lesson_on_file_reads_back_and_keeps_what_a_person_wrote() -> None:
    """Front matter and evidence are written anew, the prose stays."""
    one = Knowledge(
        slug="x",
        lesson=CACHE,
        state=LessonState.KNOWN,
        since=NOW,
        mentions=(mention(CACHE, 1, project="a"),),
        against=("no",),
    )
    text = render_knowledge(one)
    assert f"[m1](../{dated_path('memos', day_of(one.mentions[0].when), 'm1')}), mission m1 in a" in text
    assert "\nmemos: [{" in text
    read = parse_knowledge("x", text.replace(f"# {CACHE}", f"# {CACHE}\n\nAna's words."))
    assert read.prose == f"# {CACHE}\n\nAna's words."
    assert parse_knowledge("x", render_knowledge(read)) == read
    with pytest.raises(KnowledgeUnreadable):
        parse_knowledge("x", "# No front matter\n")
    with pytest.raises(KnowledgeUnreadable, match="line=3"):
        parse_knowledge("x", "---\nlesson: a\n???\n---\n")


def test_the_portfolio_page_changes_between_its_marks_only() -> None:
    """One line for each known lesson; contested and rejected ones leave; all else stays byte for byte."""
    page = "# Portfolio\n\n## Standing rules\n\n- Be plain.\n"
    known = Knowledge(slug="x", lesson="Use\n## tabs <!-- item: r -->", state=LessonState.KNOWN, since=NOW)
    with_one = with_lessons(page, [known])
    assert with_one.startswith(page)
    assert "- Use ## tabs &lt;!-- item: r --&gt; (knowledge/x.md)\n" in with_one
    person = with_one + "\n## Projects\n\n- shop\n"
    gone = with_lessons(person, [Knowledge(slug="x", lesson="Use tabs", state=LessonState.CONTESTED, since=NOW)])
    assert "knowledge/x.md" not in gone
    assert gone.endswith("\n## Projects\n\n- shop\n")
    assert with_lessons(gone, [known]) == person
    assert with_lessons(page, []) == page


def proposed(number: int, mission: str = "", *, passed: bool = True) -> LessonMention:
    """A lesson of a model, from a mission whose checks held or not."""
    return replace(mention(CACHE, number, mission=mission), proposed=True, passed=passed)


@pytest.mark.parametrize(
    ("mentions", "by", "mark"),
    [
        ((proposed(1), proposed(2, passed=False)), "", PROPOSED),
        ((proposed(1, "fix"), proposed(2, "fix")), "", PROPOSED),
        ((proposed(1, "fix-a1"), proposed(2, "fix-a2")), "", PROPOSED),
        ((proposed(1), proposed(2)), "", ModelMark(confirmed_in=("m2", "m1"))),
        ((proposed(1, passed=False),), "ana b", ModelMark(confirmed_by="ana_b")),
        ((proposed(1, passed=False), mention(CACHE, 2)), "", None),
        ((mention(CACHE, 1), mention(CACHE, 2)), "", None),
        ((), "", None),
    ],
)
def test_a_lesson_that_only_models_proposed_is_marked_on_the_page(
    mentions: tuple[LessonMention, ...], by: str, mark: ModelMark | None
) -> None:
    """A person, or two missions whose checks held, confirm it; files of before have no mark."""
    one = Knowledge(slug="x", lesson=CACHE, state=LessonState.KNOWN, since=NOW, by=by, mentions=mentions)
    assert one.mark == mark
    assert with_mark(f"- {CACHE} (knowledge/x.md)", mark) in with_lessons("# P\n", [one]).splitlines()
    read = parse_knowledge("x", render_knowledge(one))
    assert (read.mark, read.mentions) == (mark, mentions)


@given(st.text(max_size=80), st.sampled_from(LessonState), st.text(max_size=40), st.booleans(), st.booleans())
def test_any_lesson_survives_its_file(words: str, state: LessonState, prose: str, by_model: bool, passed: bool) -> None:
    """Whatever a memo says, the file can be read again and says the same."""
    said = replace(mention(words, 1), proposed=by_model, passed=passed)
    one = Knowledge(slug="x", lesson=words, state=state, since=NOW, why=words, mentions=(said,))
    read = parse_knowledge("x", render_knowledge(one))
    assert (read.lesson, read.state, read.why, read.mentions) == (words, state, words, one.mentions)
    assert "\n" not in slug_of(prose, set())
