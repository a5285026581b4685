"""A Markdown file as blocks: what the author meant, on the lines where it stands."""

from __future__ import annotations

import time
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.runbook.block import Block, Form
from desk.runbook.markdown import LARGE, blocks, outline, section


def read(text: str) -> list[Block]:
    return blocks(dedent(text).lstrip("\n"))[0]


def told(text: str) -> list[tuple[int, str]]:
    return [(repair.line, repair.what) for repair in blocks(dedent(text).lstrip("\n"))[1]]


def fences(text: str) -> list[tuple[int, int, str]]:
    return [(block.first, block.end_line, block.text) for block in read(text) if block.form is Form.FENCE]


def forms(text: str) -> list[tuple[str, int, str]]:
    return [(block.form.name, block.line, block.text) for block in read(text)]


def test_a_comment_within_code_is_no_heading() -> None:
    assert forms("# Disk full\n\n```bash\n# look\ndf -h\n```\n") == [
        ("HEADING", 1, "Disk full"),
        ("FENCE", 3, "# look\ndf -h"),
    ]


def test_front_matter_makes_no_heading() -> None:
    assert forms("---\ntitle: Disk\nowner: ops\n---\nText\n") == [
        ("FRONT", 1, "title: Disk\nowner: ops"),
        ("PARAGRAPH", 5, "Text"),
    ]


def test_labels_stand_alone_or_before_their_text() -> None:
    found = read(
        """
        **Symptoms:**
        **Trigger**: queue above 500
        and growing
        **Fix the pool**

        **Bold** words begin this sentence.

        ⚠️ **Warning:** careful
        """
    )
    assert [(block.form.name, block.line, block.text, block.rest) for block in found] == [
        ("LABEL", 1, "Symptoms", ""),
        ("LABEL", 2, "Trigger", "queue above 500 and growing"),
        ("LABEL", 4, "Fix the pool", ""),
        ("PARAGRAPH", 6, "Bold words begin this sentence.", ""),
        ("LABEL", 8, "Warning", "careful"),
    ]


def test_a_line_that_names_a_phase_is_a_label_without_being_bold() -> None:
    assert [(block.form, block.text) for block in read("Symptoms:\n\n- slow\n\nThe shop says:\n")] == [
        (Form.LABEL, "Symptoms"),
        (Form.ITEM, "slow"),
        (Form.PARAGRAPH, "The shop says:"),
    ]


def test_bold_that_runs_over_two_lines_is_a_sentence() -> None:
    assert [block.form for block in read("This is **very\nimportant**: do it\n")] == [Form.PARAGRAPH]


def test_items_have_depth_number_and_box() -> None:
    found = read("1. [ ] first\n   - [x] inner\n2. second `ls`\n* [X] third\n")
    assert [(block.level, block.number, block.checked, block.text) for block in found] == [
        (1, 1, False, "first"),
        (2, None, True, "inner"),
        (1, 2, None, "second `ls`"),
        (1, None, True, "third"),
    ]


def test_numbers_that_markdown_knows_nothing_of_are_items() -> None:
    found = read("**1.** Stop it\n\n2、再起動する\n\n3️⃣ Look\n")
    assert [(block.form, block.number, block.text) for block in found] == [
        (Form.ITEM, 1, "Stop it"),
        (Form.ITEM, 2, "再起動する"),
        (Form.ITEM, 3, "Look"),
    ]


def test_code_in_a_text_keeps_its_line() -> None:
    found = read("Look at `df -h`\nand then `free\n-m` and `top`.\n")
    assert [(span.line, span.text) for span in found[0].spans] == [(1, "df -h"), (2, "free -m"), (3, "top")]


def test_words_in_angles_stay_and_marks_of_emphasis_go() -> None:
    assert read("Ask **team** about <pod-name> of _app_<br>see [the wiki](http://x) &amp; `a_b`\n")[0].text == (
        "Ask team about <pod-name> of app; see the wiki & `a_b`"
    )


def test_links_are_shown_as_their_text_wherever_they_lead() -> None:
    found = read("- see [the wiki][1] and [more](http://x)\n- ![plan](p.png)\n\n[1]: http://wiki\n")
    assert [block.text for block in found] == ["see the wiki and more", "plan"]


def test_a_table_has_rows_with_their_lines_and_code_with_pipes() -> None:
    text = "| Alert | Fix |\n|---|---|\n| Full | `df | sort` |\n| **Slow** | wait<br>look |\n"
    (table,) = read(text)
    assert table.header is not None
    assert table.header.cells == ("Alert", "Fix")
    assert [(row.line, row.cells) for row in table.rows] == [
        (3, ("Full", "`df | sort`")),
        (4, ("Slow", "wait; look")),
    ]
    assert [(span.line, span.text) for span in table.spans] == [(3, "df | sort")]
    assert told(text) == [(3, "a | within code does not end the cell of the table")]


def test_code_at_the_margin_belongs_to_the_fence_in_the_list() -> None:
    text = "1. Look:\n   ```bash\ndf -h\n\nfree -m\n   ```\n2. Then\n   - done\n"
    assert fences(text) == [(3, 6, "df -h\n\nfree -m")]
    assert [block.text for block in read(text) if block.form is Form.ITEM] == ["Look:", "Then", "done"]
    assert told(text) == [(2, "the code stands left of the list item it belongs to; read up to its closing ticks")]


def test_ticks_at_the_end_of_a_command_close_its_fence() -> None:
    text = '```bash\necho "ok" ```\n\nThe end of the file.\n'
    assert fences(text) == [(2, 2, 'echo "ok"')]
    assert told(text) == [(2, "the closing ticks stand on the last line of the code")]


def test_a_fence_that_never_closes_ends_at_the_next_heading() -> None:
    text = "```bash\ndf -h\n# a comment\n\n## Next\n\ntext\n"
    assert fences(text) == [(2, 4, "df -h\n# a comment")]
    assert forms(text)[1:] == [("HEADING", 5, "Next"), ("PARAGRAPH", 7, "text")]
    assert told(text) == [(1, "the fence never closes; closed before line 5")]


def test_a_fence_that_was_forgotten_does_not_swap_code_and_text() -> None:
    text = "```bash\ndf -h\n\n## Next\n\n**Fix:**\n\n```bash\nfree -m\n```\n\n## Last\n"
    assert [code for _, _, code in fences(text)] == ["df -h", "free -m"]
    assert [block.text for block in read(text) if block.form is Form.HEADING] == ["Next", "Last"]


def test_ticks_that_close_nothing_do_not_swap_code_and_text() -> None:
    text = "```\nuptime\n```\n\n```\n\nYou may want to see it again and again:\n\n```\nwatch uptime\n```\n\nText.\n"
    assert fences(text) == [(2, 3, "uptime"), (6, 5, ""), (10, 11, "watch uptime")]
    assert told(text) == [(5, "closing ticks that close nothing; left out")]
    text = (
        "```\nNAME STATE\nweb up\n\n```\ndocker ps -a\n```\n\nThen you may go on with the others.\n\n```\ndf -h\n```\n"
    )
    assert [one[2] for one in fences(text)] == ["NAME STATE\nweb up", "docker ps -a", "df -h"]


def test_an_untagged_fence_that_was_forgotten_does_not_either() -> None:
    text = "```\ndf -h\n\n## Next\n\n**Fix:**\n\n```\nfree -m\n```\n\n## Last\n"
    assert [code for _, _, code in fences(text)] == ["df -h", "free -m"]


def test_a_template_without_a_language_is_left_whole() -> None:
    text = "```\n## Summary\n\n**When:** now\n```\n\n## Next\n\n```bash\ndf -h\n```\n"
    assert [code for _, _, code in fences(text)] == ["## Summary\n\n**When:** now", "df -h"]
    assert told(text) == []


@pytest.mark.parametrize("ticks", ["```", "````"])
def test_a_template_may_hold_fences_of_its_own(ticks: str) -> None:
    text = f"{ticks}markdown\n# Report\n```bash\nls\n```\nend\n```\n\n## Next\n\n```bash\ndf -h\n```\n"
    assert [code for _, _, code in fences(text)] == ["# Report\n```bash\nls\n```\nend", "df -h"]
    assert told(text)[0][1].startswith("a template with fences of its own")


def test_a_template_with_longer_ticks_is_read_by_the_letter() -> None:
    text = "````markdown\n```bash\nls\n```\n````\nText\n"
    assert fences(text) == [(2, 5, "```bash\nls\n```")]
    assert told(text) == []


def test_a_fence_on_the_line_of_its_item_is_one() -> None:
    text = "- ```{note}\n  Mind the gap\n  ```\n- next\n\n## After\n"
    (fence,) = [block for block in read(text) if block.form is Form.FENCE]
    assert (fence.tag, fence.text, fence.end_line) == ("{note}", "Mind the gap", 3)
    assert [block.text for block in read(text) if block.form is not Form.FENCE] == ["next", "After"]


@pytest.mark.parametrize("indent", ["", "    ", "\t"])
def test_a_fence_is_one_however_deep_it_stands(indent: str) -> None:
    assert fences(f"Text:\n\n{indent}```sh\n{indent}df -h\n{indent}```\n\nafter\n") == [(4, 5, "df -h")]


@pytest.mark.parametrize("info", ["bash", " Bash", 'bash title="x.sh" {1,2}', "{.bash .numberLines}", "bash,ignore"])
def test_the_language_of_a_fence_is_its_first_word(info: str) -> None:
    (fence,) = read(f"```{info}\ndf -h\n```\n")
    assert fence.tag == "bash"


def test_tildes_and_indented_code_are_code_too() -> None:
    assert fences("~~~\ndf -h\n~~~\n\ntext\n\n    free -m\n    top\n") == [(2, 3, "df -h"), (7, 8, "free -m\ntop")]


def test_ticks_at_the_end_of_a_text_begin_code() -> None:
    text = "Run this: ```bash\ndf -h\n```\nDone\n"
    assert forms(text) == [("PARAGRAPH", 1, "Run this:"), ("FENCE", 1, "df -h"), ("PARAGRAPH", 4, "Done")]


def test_admonitions_and_html_hide_no_code() -> None:
    text = """
        !!! warning "Careful"
            Read on
            ```bash
            df -h
            ```

        :::note
        Mind this
        :::

        <details><summary>More <b>here</b></summary>
        ```bash
        free -m
        ```
        </details>
        """
    assert fences(text) == [(4, 5, "df -h"), (13, 14, "free -m")]
    said = [(form, line, words) for form, line, words in forms(text) if form != "FENCE"]
    assert said == [
        ("QUOTE", 1, "Warning: Careful"),
        ("PARAGRAPH", 2, "Read on"),
        ("QUOTE", 7, "Note"),
        ("PARAGRAPH", 8, "Mind this"),
        ("LABEL", 11, "More here"),
    ]


def test_code_in_a_quote_is_code_and_a_comment_of_html_is_nothing() -> None:
    assert fences("> Note\n> ```bash\n> df -h\n> ```\n\n<!--\n```bash\nrm -rf /\n```\n-->\n") == [(3, 4, "df -h")]


@pytest.mark.parametrize("word", ["0", "1", "7", "²", "٣", "\x010"])
def test_a_word_behind_ticks_that_looks_like_a_number_of_ours_neither_raises_nor_loses_code(word: str) -> None:
    text = (
        f"```{word}\none\n```\n\n- two\n\n  ```{word}\n  two\n  ```\n\n> ```{word}\n> three\n> ```\n\n```\nfour\n```\n"
    )
    assert [code for _, _, code in fences(text)] == ["one", "two", "three", "four"]


def test_a_comment_of_html_that_is_code_by_its_indentation_hides_no_fence() -> None:
    text = "Text\n\n    <!-- shown as code\n\n```bash\ndf -h\n```\n\n    ends here -->\n\n```bash\nuptime\n```\n"
    assert [code for _, _, code in fences(text) if "-->" not in code and "<!--" not in code] == ["df -h", "uptime"]


def test_a_comment_of_html_within_an_item_hides_its_fence() -> None:
    text = "- first\n\n  <!-- not now\n\n  ```bash\n  rm -rf /\n  ```\n\n  -->\n\n```bash\nuptime\n```\n"
    assert [code for _, _, code in fences(text)] == ["uptime"]


def test_headings_by_underline_are_headings_and_text_over_a_rule_is_not() -> None:
    assert forms("Title\n=====\n\nPart\n----\n\n**Owner:** ops\n---\n") == [
        ("HEADING", 1, "Title"),
        ("HEADING", 4, "Part"),
        ("LABEL", 7, "Owner"),
    ]


def test_a_heading_without_its_space_is_repaired() -> None:
    assert forms("##Restart\n") == [("HEADING", 1, "Restart")]
    assert told("##Restart\n") == [(1, "a heading without a space after its marks; read as a heading")]


def test_without_headings_lines_with_pictures_are_headings() -> None:
    text = "# Guide\n\n🔥 Disk full\n\ndf -h\n\n🧊 Queue frozen\n\ntext\n"
    assert [block.text for block in read(text) if block.form is Form.HEADING] == [
        "Guide",
        "🔥 Disk full",
        "🧊 Queue frozen",
    ]


def test_commands_without_any_fence_stay_paragraphs_as_they_are_written() -> None:
    (block,) = read("kubectl logs <pod> \\\n  --tail=50 *.log\n")
    assert block.form is Form.PARAGRAPH
    assert block.raw == "kubectl logs <pod> \\\n  --tail=50 *.log"


def test_templates_of_web_frameworks_are_no_text() -> None:
    assert [form for form, _, _ in forms('<%= partial "x" %>\n\n{% include y %}\n')] == ["HTML", "HTML"]


def test_the_outline_is_that_of_the_whole_reading() -> None:
    text = "# A\n\n```bash\n# no\n```\n\n- ```\n  ## no\n  ```\n\n## B {#b}\n\n~~~\n# no\n~~~\n\n### C ###\n"
    whole = [(block.line, block.level, block.text) for block in read(text) if block.form is Form.HEADING]
    assert outline(text) == whole == [(1, 1, "A"), (11, 2, "B"), (17, 3, "C")]


def test_the_outline_looks_behind_fences_that_never_close() -> None:
    text = "# A\n\n```bash\n# no\ndf -h\n\n## B\n\n```bash\nls\n```\n\n## C\n\n```\nfree\n\n## D\n"
    assert outline(text) == [(1, 1, "A"), (7, 2, "B"), (13, 2, "C"), (18, 2, "D")]
    whole = [(block.line, block.level, block.text) for block in read(text) if block.form is Form.HEADING]
    assert outline(text) == whole


def test_a_section_is_read_alone_with_the_lines_of_the_file() -> None:
    text = "# A\n\n## B\n\n```bash\ndf -h\n```\n\n### C\n\n- x `ls`\n\n## D\n"
    found, repairs = section(text, 3)
    assert [(block.form.name, block.line) for block in found] == [
        ("HEADING", 3),
        ("FENCE", 5),
        ("HEADING", 9),
        ("ITEM", 11),
    ]
    assert found[1].first == 6
    assert found[3].spans[0].line == 11
    assert repairs == []


def test_a_section_that_is_too_long_is_cut_and_told() -> None:
    text = "# A\n" + "words\n" * (LARGE // 5)
    found, repairs = section(text, 1)
    assert found[-1].end_line < text.count("\n")
    assert "longer than" in repairs[-1].what


LINES = st.sampled_from(
    (
        "# A",
        "## B",
        "##C",
        "```",
        "```bash",
        "````markdown",
        "   ```",
        "- ```{note}",
        "~~~",
        "df -h ```",
        "text: ```sh",
        "df -h",
        "",
        "  ",
        "- item `x`",
        "1. step",
        "   indented",
        "\ttab",
        "- [ ] box",
        "**Label:** rest",
        "**bold",
        "> quote",
        "> ```",
        "| a | b |",
        "|---|---|",
        "| `x | y` | z |",
        "!!! note",
        ":::tip",
        ":::",
        "<details>",
        "<summary>s</summary>",
        "<!--",
        "-->",
        "<pre>",
        "---",
        "===",
        "[a]: http://b",
        "\ufffd|`",
        "***",
    )
)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=30))
def test_whatever_lines_there_are_every_block_stands_where_it_says(lines: list[str]) -> None:
    found, repairs = blocks("\n".join(lines))
    assert all(1 <= block.line <= block.end_line <= max(1, len(lines)) for block in found)
    assert all(1 <= repair.line <= len(lines) + 1 for repair in repairs)
    assert [block.line for block in found] == sorted(block.line for block in found)
    outline("\n".join(lines))


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    blocks(text)
    outline(text)


@pytest.mark.parametrize(
    "text",
    [
        "`" * 10_000,
        "` " * 20_000,
        "[" * 50_000,
        "*a **b " * 10_000,
        "> " * 5_000 + "x",
        "".join("  " * depth + "- a\n" for depth in range(250)),
        "```bash\n" * 4_000,
        "````md\n```\n" * 2_000,
        "~~~\n## h\n```\n## h\n" * 2_000,
        "<!--\n" * 5_000,
        "<a " * 20_000,
        "x" * 200_000,
        " " * 50_000 + "```x",
        "|" * 20_000 + "\n" + "|-" * 10_000 + "\n",
        "text ```\n" * 3_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_nasty_text_takes_no_longer_than_ordinary_one(text: str) -> None:
    began = time.process_time()
    blocks(text)
    outline(text)
    assert time.process_time() - began < 3
