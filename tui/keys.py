"""The one table of keys. Footer, palette, help, documentation and the bindings themselves are read from it.

Keys are those people know from less, vim, htop and k9s. Enter opens and never harms; capitals are kept for acts.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a person can do, and the keys for it."""

    id: str
    """Stable name, for remapping: "table.sort"; its last part is the name of the action."""
    keys: str
    """Textual's names of the keys, separated by commas; the first is the one shown."""
    what: str
    """Two or three words."""
    where: str
    """everywhere, overview, detail, inbox, chart, act, log, sheet, runbook, procedure, checklists, checklist,
    incidents, incident, consent, demo, replay or wall."""
    hint: int = 0
    """Rank in the footer; 0 is not shown there."""
    more: str = ""
    """A sentence for the help."""

    @property
    def action(self) -> str:
        """The screen's or app's method: `action_<this>`."""
        return self.id.rpartition(".")[2]


KEYS: Final = (
    Key("room.help", "question_mark", "help", "everywhere", 11, "Keys of this screen and what its numbers mean."),
    Key("room.palette", "colon,ctrl+p", "commands", "everywhere", 28, "Everything by name; type to narrow it down."),
    Key("room.leave", "q", "quit", "everywhere", 22, "Back to where you came from; from the overview, out."),
    Key("room.step_back", "escape", "back", "everywhere", 0, "One level back; always safe."),
    Key("room.interrupt", "ctrl+c", "quit at once", "everywhere"),
    Key("room.read_now", "r", "read now", "everywhere", 0, "Reads at once instead of at the next beat."),
    Key("room.freeze", "f", "freeze", "everywhere", 50, "Holds the picture still; reading and alerts go on."),
    Key("room.slower", "minus", "slower", "everywhere", 0, "Doubles every interval."),
    Key(
        "room.faster",
        "plus,equals_sign",
        "faster",
        "everywhere",
        0,
        "Halves every interval, down to the configured one.",
    ),
    Key("room.copy", "y", "copy", "everywhere", 0, "Copies the line under the cursor through the terminal (OSC 52)."),
    Key("room.arm", "exclamation_mark", "arm, disarm", "everywhere", 0, "Allows acts for some minutes, or ends that."),
    Key(
        "room.acts",
        "E",
        "acts so far",
        "everywhere",
        0,
        "Measures in force, acts of this session and what came of them, and what is not recorded, shared or told.",
    ),
    Key(
        "room.approvals",
        "V",
        "approvals",
        "everywhere",
        0,
        "What others ask a second person for; each is approved or refused by somebody else.",
    ),
    Key(
        "room.incident",
        "I",
        "incident",
        "everywhere",
        29,
        "Opens the incident that goes on, or declares one; on an alert, the incident of that alert.",
    ),
    Key("room.incidents", "L", "incidents", "everywhere", 0, "Every incident, open and past; n declares another."),
    Key("room.theme", "T", "next theme", "everywhere"),
    Key("room.suspend_process", "ctrl+z", "suspend", "everywhere", 0, "Stops Opsroom; the shell's fg brings it back."),
    Key("room.redraw", "ctrl+l", "redraw", "everywhere", 0, "Paints the whole screen anew if something wrote over it."),
    Key("over.open", "enter", "open", "overview", 20, "Opens the target under the cursor."),
    Key("over.panel", "1,2,3,4,5,6,7,8,9", "panel", "overview", 10, "Opens the block with that number."),
    Key("over.attend", "o", "open alert", "overview", 15, "Opens what the attention line speaks of."),
    Key("over.down", "j,down", "down", "overview"),
    Key("over.up", "k,up", "up", "overview"),
    Key("over.first", "g,home", "first", "overview"),
    Key("over.last", "G,end", "last", "overview"),
    Key("over.column", "tab,left,right", "other column", "overview"),
    Key("over.zoom", "z", "zoom", "overview", 40, "Gives the whole screen to the block under the cursor, and back."),
    Key("over.filter", "slash", "filter", "overview", 30, "Shows only lines that hold a text; Esc shows all."),
    Key("over.logs", "l", "log", "overview", 35, "Follows the log of the service under the cursor."),
    Key("over.chart", "h", "history", "overview", 32, "Charts the gauge behind the line under the cursor."),
    Key(
        "over.alerts", "A", "alerts", "overview", 17, "Every alert: take it in hand, silence it, open what it is about."
    ),
    Key("over.runbook", "p", "procedures", "overview", 16, "The runbook: its procedures, and the runs that go on."),
    Key("over.checklists", "c", "checklists", "overview", 18, "What a shift goes through: due, done, missed."),
    Key("over.act", "a", "act", "overview", 13, "Everything that can be done to the row, or to the marked rows."),
    Key("over.restart", "R", "restart, run", "overview", 61, "Restarts, starts, retries, runs, renews, rotates."),
    Key("over.deploy", "D", "deploy", "overview", 65, "Brings out what is new: the service's image or file."),
    Key("over.pause", "P", "pause, resume", "overview", 66, "Pauses the queue or the job, or lets it go on."),
    Key("over.scale", "S", "scale, set", "overview", 62, "Sets how many run, or how often; asks for the number."),
    Key("over.cancel", "C", "cancel", "overview", 63, "Cancels the query, and the session stays; silences the alert."),
    Key("over.terminate", "X", "terminate", "overview", 64, "Ends the session; its transaction is rolled back."),
    Key("over.console", "K", "console", "overview", 0, "Hands the terminal to psql, redis-cli or a shell."),
    Key("table.describe", "enter,d", "details", "detail", 20, "Everything known about the row under the cursor."),
    Key("table.next_table", "tab", "next table", "detail", 15),
    Key("table.previous_table", "shift+tab", "table before", "detail"),
    Key("table.next_target", "right_square_bracket", "next target", "detail"),
    Key("table.previous_target", "left_square_bracket", "target before", "detail"),
    Key("table.down", "j,down", "down", "detail"),
    Key("table.up", "k,up", "up", "detail"),
    Key("table.page_down", "pagedown,ctrl+f", "page down", "detail"),
    Key("table.page_up", "pageup", "page up", "detail"),
    Key("table.first", "g,home", "first row", "detail"),
    Key("table.last", "G,end", "last row", "detail"),
    Key("table.sort", "s", "sort", "detail", 35, "Orders by the next column."),
    Key("table.invert", "i", "turn order", "detail", 0, "Turns the order around."),
    Key("table.filter", "slash", "filter", "detail", 30, "Shows only rows that hold a text; Esc shows all."),
    Key("table.mark", "space", "mark", "detail", 45, "Marks the row; marks stay with their rows."),
    Key("table.logs", "l", "log", "detail", 40, "Follows the log of the row under the cursor."),
    Key("table.chart", "h", "history", "detail", 32, "Charts the gauge behind the row under the cursor."),
    Key("table.looks", "v", "look closer", "detail", 0, "The closer looks this target offers."),
    Key("table.zoom", "z", "zoom", "detail", 0, "Gives the whole screen to the table, and back."),
    Key("table.act", "a", "act", "detail", 13, "Everything that can be done to the row, or to the marked rows."),
    Key("table.restart", "R", "restart, run", "detail", 61, "Restarts, starts, retries, runs, renews, rotates."),
    Key("table.deploy", "D", "deploy", "detail", 65, "Brings out what is new: the service's image or file."),
    Key("table.pause", "P", "pause, resume", "detail", 66, "Pauses the queue or the job, or lets it go on."),
    Key("table.scale", "S", "scale, set", "detail", 62, "Sets how many run, or how often; asks for the number."),
    Key("table.cancel", "C", "cancel", "detail", 63, "Cancels the query, and the session stays; silences the alert."),
    Key("table.terminate", "X", "terminate", "detail", 64, "Ends the session; its transaction is rolled back."),
    Key("table.console", "K", "console", "detail", 0, "Hands the terminal to psql, redis-cli or a shell."),
    Key("chart.left", "left,h", "earlier value", "chart", 12, "Puts the cursor on the picture, or moves it back."),
    Key("chart.right", "right,l", "later value", "chart", 0, "Moves the cursor on; at the end it goes."),
    Key("chart.further_left", "shift+left", "ten earlier", "chart"),
    Key("chart.further_right", "shift+right", "ten later", "chart"),
    Key("chart.closer", "plus,equals_sign,up", "closer", "chart", 24, "Half the time, around the cursor."),
    Key("chart.wider", "minus,down", "wider", "chart", 0, "Twice the time."),
    Key("chart.earlier", "left_square_bracket", "earlier", "chart", 26, "Goes back by half of what is shown."),
    Key("chart.later", "right_square_bracket", "later", "chart", 0, "Goes on by half of what is shown."),
    Key("chart.range", "1,2,3,4,5,6", "range", "chart", 14, "10 minutes, an hour, 6 hours, a day, a week, 30 days."),
    Key("chart.newest", "g,G,end", "to now", "chart", 0, "Goes to now and follows."),
    Key("chart.compare", "c", "compare", "chart", 16, "Puts yesterday beside it, last week, both, nothing."),
    Key("chart.pick", "enter,p", "pick gauge", "chart", 13, "Every gauge of the target; type to narrow it down."),
    Key("chart.next_gauge", "tab", "next gauge", "chart", 28),
    Key("chart.previous_gauge", "shift+tab", "gauge before", "chart"),
    Key("chart.likes", "a", "all its likes", "chart", 18, "Every gauge of this name: lines, or small pictures."),
    Key("chart.page_down", "pagedown,space", "more pictures", "chart"),
    Key("chart.page_up", "pageup", "pictures before", "chart"),
    Key("chart.style", "b", "dots or blocks", "chart", 0, "Draws with dots, with blocks, or with plain letters."),
    Key("chart.export", "w", "write a file", "chart", 30, "Writes what is shown into a file: .csv or .json."),
    Key("inbox.open", "enter,o", "open", "inbox", 20, "Opens the target at its row; of many alerts shows each."),
    Key("inbox.acknowledge", "t", "take, let go", "inbox", 10, "Takes it in hand: asks for a note; again: lets it go."),
    Key("inbox.silence", "s", "silence", "inbox", 12, "Tells nobody of it until an end, for a reason."),
    Key("inbox.lift", "u", "unsilence", "inbox", 24, "Ends what silences it; a window with all it silences."),
    Key("inbox.window", "m", "maintenance", "inbox", 26, "Opens a maintenance window: a name, an end, a reason."),
    Key("inbox.silences", "w", "what is silent", "inbox", 30, "Silences and windows in force; Enter ends one."),
    Key("inbox.procedure", "p", "procedure", "inbox", 14, "Opens its procedure; copies one that lies elsewhere."),
    Key("inbox.logs", "l", "log", "inbox", 16, "Opens the log to look at, searching for what its rule says."),
    Key("inbox.see", "v", "look there", "inbox", 0, "Opens the target that its rule says to look at next."),
    Key("inbox.escalate", "e", "escalate", "inbox", 18, "Asks others for help, in your words."),
    Key("inbox.chart", "h", "history", "inbox", 27, "Charts the number that the alert is about."),
    Key("inbox.describe", "d", "details", "inbox", 22, "Everything known about it, and all that happened to it."),
    Key("inbox.cleared", "c", "ended too", "inbox", 32, "Shows those that ended within the last day, and hides them."),
    Key("inbox.filter", "slash", "filter", "inbox", 28, "Shows only lines that hold a text; Esc shows all."),
    Key(
        "inbox.act",
        "a",
        "act",
        "inbox",
        21,
        "Everything that can be done to what it is about.",
    ),
    Key("inbox.down", "j,down", "down", "inbox"),
    Key("inbox.up", "k,up", "up", "inbox"),
    Key("inbox.page_down", "pagedown,ctrl+f", "page down", "inbox"),
    Key("inbox.page_up", "pageup", "page up", "inbox"),
    Key("inbox.first", "g,home", "first", "inbox"),
    Key("inbox.last", "G,end", "last", "inbox"),
    Key("book.open", "enter,o", "open", "runbook", 10, "Opens the procedure, or the run of it that goes on."),
    Key("book.filter", "slash", "search", "runbook", 20, "Shows only procedures that hold a text; Esc shows all."),
    Key("book.describe", "d", "who, limits", "runbook", 30, "Contacts, ladder, limits and repairs of the runbook."),
    Key("book.past", "h", "history", "runbook", 25, "How often it was run, how long it took, how it ended."),
    Key("book.down", "j,down", "down", "runbook"),
    Key("book.up", "k,up", "up", "runbook"),
    Key("book.page_down", "pagedown,space,ctrl+f", "page down", "runbook"),
    Key("book.page_up", "pageup", "page up", "runbook"),
    Key("book.first", "g,home", "first", "runbook"),
    Key("book.last", "G,end", "last", "runbook"),
    Key("step.do", "enter", "do it", "procedure", 10, "Does the step: reads, opens the log, shows the act, ticks it."),
    Key("step.note", "n", "note", "procedure", 16, "Writes a note to the step."),
    Key("step.message", "m", "message", "procedure", 0, "Fills in a message, to copy or send it; noted in the run."),
    Key("step.skip", "x", "leave out", "procedure", 18, "Leaves the step out, for a reason."),
    Key("step.parameters", "u", "fill in", "procedure", 14, "What the commands need: asked once for the whole run."),
    Key("step.end", "e", "end", "procedure", 20, "Ends the run: solved, not solved or given up."),
    Key("step.hand_over", "t", "hand over", "procedure", 26, "Says who goes on with the run."),
    Key("step.describe", "d", "details", "procedure", 24, "The step whole: its text and all that was found."),
    Key("step.past", "h", "history", "procedure", 30, "How often it was run, how long it took, how it ended."),
    Key("step.changes", "c", "changes", "procedure", 0, "What has changed in the file since the run began."),
    Key("step.look", "o", "open target", "procedure", 28, "Opens the target that the step is about."),
    Key("step.logs", "l", "log", "procedure", 29, "Follows the log of what the step is about."),
    Key("step.down", "j,down", "down", "procedure"),
    Key("step.up", "k,up", "up", "procedure"),
    Key("step.read_on", "space,pagedown,ctrl+f", "read on", "procedure", 0, "Reads on in a long step."),
    Key("step.read_back", "pageup", "read back", "procedure"),
    Key("step.first", "g,home", "first", "procedure"),
    Key("step.last", "G,end", "last", "procedure"),
    Key("step.next_open", "tab", "next to do", "procedure", 22, "Goes to the first step that waits."),
    Key("lists.open", "enter,o", "open", "checklists", 10, "Goes through the checklist under the cursor."),
    Key("lists.history", "h", "history", "checklists", 20, "What became of its runs: done by whom, or missed."),
    Key("lists.down", "j,down", "down", "checklists"),
    Key("lists.up", "k,up", "up", "checklists"),
    Key("lists.page_down", "pagedown,space,ctrl+f", "page down", "checklists"),
    Key("lists.page_up", "pageup", "page up", "checklists"),
    Key("lists.first", "g,home", "first", "checklists"),
    Key("lists.last", "G,end", "last", "checklists"),
    Key("box.choose", "enter", "sign, open", "checklist", 10, "Signs what a person looks at; opens what is read."),
    Key("box.sign", "space", "sign", "checklist", 0, "Signs the box; asks for the value where one is wanted."),
    Key("box.sign_off", "s", "sign off", "checklist", 12, "Signs off the whole; asks what is handed over."),
    Key("box.note", "n", "note", "checklist", 16, "Writes a note to the box."),
    Key("box.skip", "x", "leave out", "checklist", 18, "Leaves the box out this time, for a reason."),
    Key("box.take_back", "u", "take back", "checklist", 24, "Takes back what was signed or left out."),
    Key("box.see", "o", "open target", "checklist", 20, "Opens the target that the box is about, at its row."),
    Key("box.procedure", "p", "procedure", "checklist", 22, "Its procedure, or the address to look at."),
    Key("box.describe", "d", "details", "checklist", 26, "Everything known about the box."),
    Key("box.history", "h", "history", "checklist", 28, "What became of its runs: done by whom, or missed."),
    Key("box.act", "a", "act", "checklist", 0, "Everything that can be done to what the box is about."),
    Key("box.down", "j,down", "down", "checklist"),
    Key("box.up", "k,up", "up", "checklist"),
    Key("box.page_down", "pagedown,ctrl+f", "page down", "checklist"),
    Key("box.page_up", "pageup", "page up", "checklist"),
    Key("box.first", "g,home", "first", "checklist"),
    Key("box.last", "G,end", "last", "checklist"),
    Key("incidents.open", "enter,o", "open", "incidents", 10, "Opens the incident under the cursor."),
    Key(
        "incidents.declare",
        "n",
        "declare",
        "incidents",
        12,
        "Declares an incident: asks how severe it is, and its title.",
    ),
    Key(
        "incidents.items",
        "i",
        "action items",
        "incidents",
        14,
        "What is left to do of all incidents, the first due first.",
    ),
    Key(
        "incidents.filter", "slash", "filter", "incidents", 20, "Shows only incidents that hold a text; Esc shows all."
    ),
    Key("incidents.down", "j,down", "down", "incidents"),
    Key("incidents.up", "k,up", "up", "incidents"),
    Key("incidents.page_down", "pagedown,space,ctrl+f", "page down", "incidents"),
    Key("incidents.page_up", "pageup", "page up", "incidents"),
    Key("incidents.first", "g,home", "first", "incidents"),
    Key("incidents.last", "G,end", "last", "incidents"),
    Key("incident.note", "n,enter", "note", "incident", 1, "Writes a note; Esc keeps what was typed for later."),
    Key("incident.stage", "x", "status", "incident", 2, "At it, mitigated, resolved, open again."),
    Key("incident.escalate", "e", "call", "incident", 3, "The ladder: whose turn it is, and what came of the call."),
    Key("incident.message", "m", "message", "incident", 4, "Fills in a message, to copy it or to send it."),
    Key("incident.role", "t", "roles", "incident", 5, "Gives a role to somebody, or takes it over."),
    Key("incident.severity", "s", "severity", "incident", 6, "Changes how severe it is."),
    Key("incident.expect", "u", "expected end", "incident", 7, "Says when it should be over."),
    Key(
        "incident.facts",
        "b",
        "impact, cause",
        "incident",
        8,
        "What customers feel, why it is so, since when, its title.",
    ),
    Key("incident.items", "i", "action items", "incident", 9, "What is to be done so that it does not happen again."),
    Key("incident.people", "c", "contacts", "incident", 10, "Ladder and contacts, with the ways to reach them."),
    Key("incident.see", "o", "alert", "incident", 12, "Opens what its alert is about."),
    Key("incident.procedure", "p", "procedure", "incident", 13, "Opens the procedure for its alert."),
    Key(
        "incident.security", "v", "evidence", "incident", 14, "Keeps evidence: bars what destroys it; again: no longer."
    ),
    Key(
        "incident.gather",
        "B",
        "gather evidence",
        "incident",
        0,
        "Gathers logs, sessions, settings, states, alerts and the black box into a folder, each file with its hash.",
    ),
    Key(
        "incident.post_mortem", "w", "post-mortem", "incident", 15, "Writes the draft into a file; sets the day; done."
    ),
    Key("incident.react", "z", "react", "incident", 0, "Says something in a word of the entry under the cursor."),
    Key("incident.describe", "d", "details", "incident", 17, "Everything known about the entry under the cursor."),
    Key("incident.filter", "slash", "filter", "incident", 18, "Shows only entries that hold a text; Esc shows all."),
    Key("incident.down", "j,down", "down", "incident"),
    Key("incident.up", "k,up", "up", "incident"),
    Key("incident.page_down", "pagedown,space,ctrl+f", "page down", "incident"),
    Key("incident.page_up", "pageup", "page up", "incident"),
    Key("incident.first", "g,home", "oldest", "incident"),
    Key("incident.last", "G,end", "newest", "incident", 0, "Goes to the newest entry and follows again."),
    Key("log.down", "j,down", "down", "log"),
    Key("log.up", "k,up", "up", "log"),
    Key("log.page_down", "pagedown,space,ctrl+f", "page down", "log"),
    Key("log.page_up", "pageup", "page up", "log"),
    Key("log.first", "g,home", "oldest", "log"),
    Key("log.last", "G,end", "newest", "log", 20, "Goes to the newest line and follows again, also what broke off."),
    Key("log.pause", "p", "pause", "log", 23, "Holds what is shown while lines go on coming; again: follows."),
    Key("log.filter", "slash", "search", "log", 26, "Finds a text or /expression/; n and N go on and back."),
    Key("log.next_match", "n", "next match", "log", 32),
    Key("log.previous_match", "N", "match before", "log"),
    Key("log.only", "m", "only matches", "log", 33, "Shows only lines that hold what is searched for, and all again."),
    Key("log.level", "l", "level", "log", 27, "Shows notices and worse, warnings and worse, errors only, all."),
    Key("log.types", "c", "count types", "log", 29, "Counts what is shown by type; Enter shows only that type."),
    Key(
        "log.senders", "a", "count senders", "log", 0, "Counts what is shown by address, or by what you say, a minute."
    ),
    Key("log.further", "s", "search all", "log", 31, "Searches everything the source keeps, rotated files too."),
    Key("log.stop", "x", "stop", "log", 0, "Ends the stream or the search; what came stays."),
    Key("log.stamps", "t", "times", "log", 36, "Leaves out the times of lines, and back."),
    Key("log.wrap", "w", "wrap", "log", 35, "Breaks long lines instead of cutting them, and back."),
    Key("log.right", "right", "to the right", "log", 0, "Shows what long lines hold further right."),
    Key("log.left", "left", "to the left", "log"),
    Key("sheet.down", "j,down", "down", "sheet"),
    Key("sheet.up", "k,up", "up", "sheet"),
    Key("sheet.page_down", "pagedown,space,ctrl+f", "read on", "sheet", 6),
    Key("sheet.page_up", "pageup", "page up", "sheet"),
    Key("sheet.first", "g,home", "first line", "sheet"),
    Key("sheet.last", "G,end", "last line", "sheet"),
    Key("sheet.choose", "enter", "choose", "sheet", 5),
    Key("act.next", "tab,right", "next", "act", 10, "The next thing to choose or to type into."),
    Key("act.previous", "shift+tab,left", "before", "act"),
    Key(
        "act.choose",
        "enter",
        "choose",
        "act",
        12,
        "Chooses; a confirmation counts once the picture has stood for 0.4 s.",
    ),
    Key("act.take", "space", "take in", "act", 0, "Takes in what would be left out."),
    Key("act.down", "j,down", "line down", "act"),
    Key("act.up", "k,up", "line up", "act"),
    Key("act.page_down", "pagedown,ctrl+f", "read on", "act", 30),
    Key("act.page_up", "pageup", "back", "act"),
    Key("consent.approve", "a", "approve", "consent", 10, "Approves it, once what it takes is typed."),
    Key("consent.refuse", "x", "refuse", "consent", 12, "Refuses it, with words."),
    Key("consent.down", "j,down", "line down", "consent"),
    Key("consent.up", "k,up", "line up", "consent"),
    Key("consent.page_down", "pagedown,space,ctrl+f", "read on", "consent", 30),
    Key("consent.page_up", "pageup", "back", "consent"),
    Key("replay.play", "space", "play, pause", "replay", 3, "Lets the recording go on, or holds it."),
    Key("replay.reading_on", "right", "next reading", "replay", 4, "Goes on by one reading of any target."),
    Key("replay.reading_back", "left", "reading before", "replay", 0, "Goes back by one reading of any target."),
    Key("replay.minute_on", "greater_than_sign", "minute on", "replay", 0, "Goes on by a minute."),
    Key("replay.minute_back", "less_than_sign", "minute back", "replay", 0, "Goes back by a minute."),
    Key("replay.quicker", "plus,equals_sign", "quicker", "replay", 9, "Plays at 1, 10 or 60 times the speed."),
    Key("replay.calmer", "minus", "less quick", "replay", 0, "Plays at the speed before."),
    Key("replay.alert_on", "n", "next alert", "replay", 5, "Goes on to the moment at which the next alert came."),
    Key("replay.alert_back", "N", "alert before", "replay", 0, "Goes back to the moment at which an alert came."),
    Key("replay.act_on", "m", "next act", "replay", 6, "Goes on to the moment at which something was done."),
    Key("replay.act_back", "M", "act before", "replay", 0, "Goes back to the moment at which something was done."),
    Key("replay.go_to", "t", "go to a time", "replay", 7, "Goes to 03:12, yesterday 03:12, -10m or +1h from here."),
    Key("replay.skip", "e", "skip the gap", "replay", 0, "Goes to the end of a time in which nobody watched."),
    Key("replay.export", "W", "export", "replay", 8, "Writes what is shown: .svg a picture, .json all of it."),
    Key("wall.hold", "space", "hold, go on", "wall", 3, "Lets the page stay, or the pages take turns again."),
    Key("wall.next", "right", "next page", "wall", 4, "Turns to the next page."),
    Key("wall.before", "left", "page before", "wall", 5, "Turns to the page before."),
    Key("demo.faults", "F", "demo faults", "demo", 12, "Starts or heals a fault of the demonstration."),
)

FORBIDDEN: Final = frozenset({"ctrl+a", "ctrl+b", "ctrl+d", "ctrl+k", "ctrl+m", "ctrl+q", "ctrl+s", "ctrl+z"})
"""Keys of tmux, screen, flow control and the shell; a remapping to one of them is refused."""

_YIELDS: Final[Mapping[str, frozenset[str]]] = {"chart": frozenset({"slower", "faster"})}
"""What gives its keys up in a place whose own keys mean something else: + and - are closer and wider on a chart."""

NUMBERED: Final = frozenset({"panel", "range"})
"""Actions that are told which of their keys was pressed, counted from 1."""

_KEPT: Final = frozenset({"help", "palette", "leave", "step_back", "interrupt", "copy", "theme", "redraw"})
"""What keeps its keys in a replay, whose own keys take precedence over all others."""

_OF_A_WALL: Final = frozenset(
    {"room.help", "room.leave", "room.step_back", "room.interrupt", "sheet.down", "sheet.up", "sheet.page_down",
     "sheet.page_up"}
)  # fmt: skip
"""What a wall has of the keys of other places."""

_OF_A_VIEW: Final = frozenset({"room.help", "room.leave", "room.step_back", "room.freeze", "room.theme"})
_LOOKED_AT: Final = frozenset({"overview", "detail", "chart", "inbox", "sheet"})
_LOOKS: Final = frozenset(
    {"down", "up", "first", "last", "page_down", "page_up", "column", "zoom", "filter", "panel", "attend", "open",
     "alerts", "chart", "describe", "next_table", "previous_table", "next_target", "previous_target", "sort", "invert",
     "left", "right", "further_left", "further_right", "closer", "wider", "earlier", "later", "range", "newest",
     "next_gauge", "previous_gauge", "style", "cleared", "see"}
)  # fmt: skip
"""What a view in a browser has: what moves, opens and narrows down. It is a list of what is allowed."""

_SHOWN: Final[Mapping[str, str]] = {
    "question_mark": "?", "exclamation_mark": "!", "colon": ":", "slash": "/", "minus": "-", "plus": "+",
    "equals_sign": "=", "greater_than_sign": ">", "less_than_sign": "<", "enter": "Enter",
    "escape": "Esc", "space": "Space", "tab": "Tab", "shift+tab": "Shift+Tab", "right_square_bracket": "]",
    "left_square_bracket": "[", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End", "up": "↑",
    "down": "↓", "left": "←", "right": "→",
}  # fmt: skip


_MODIFIERS: Final = ("ctrl", "alt", "shift")


class KeyClash(ValueError):
    """Two things on one key, an unknown name, or a key that must stay free."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        """`faults` are (id of the key, what is wrong with it)."""
        self.faults = sorted(set(faults))
        super().__init__("; ".join(dict.fromkeys(said for _, said in self.faults)))


def shown(keys: str) -> str:
    """The first key as a person calls it.

    >>> shown("question_mark"), shown("1,2,3"), shown("ctrl+p")
    ('?', '1-3', 'Ctrl+P')
    """
    names = keys.split(",")
    if len(names) > 2 and all(name.isdigit() for name in names):
        return f"{names[0]}-{names[-1]}"
    first = names[0]
    return _SHOWN.get(first, first if len(first) == 1 else "+".join(part.capitalize() for part in first.split("+")))


class Keymap:
    """The table with a person's changes."""

    def __init__(self, changes: Mapping[str, str] | None = None, keys: Iterable[Key] = KEYS) -> None:
        """`changes` maps ids to keys. Raises `KeyClash` with every clash named."""
        self._keys = {key.id: key for key in keys}
        self._changes = changes or {}
        self._replay = False
        faults = [fault for name, pressed in self._changes.items() for fault in self._change(name, pressed)]
        faults += self._clashes()
        if faults:
            raise KeyClash(faults)

    def _change(self, name: str, pressed: str) -> list[tuple[str, str]]:
        """Put a thing on other keys; what is wrong with that."""
        if name not in self._keys:
            return [(name, f"there is no {name}{_guess(name, self._keys)}")]
        known = self._keys[name]
        try:
            spelled = ",".join(dict.fromkeys(_spelled(one) for one in pressed.split(",") if one.strip()))
        except LookupError as error:
            return [(name, f"{name}: {error.args[0]}")]
        self._keys[name] = replace(known, keys=spelled or known.keys)
        return []

    def of(self, where: str) -> list[Key]:
        """The keys of one place, without those of everywhere."""
        return [key for key in self._keys.values() if key.where == where]

    def live(self, where: str, demo: bool = False) -> list[Key]:
        """Every key that does something in a place: its own, those of everywhere, of a demonstration, of a replay."""
        more = (*(self.of("demo") if demo else ()), *(self.of("replay") if self._replay else ()))
        return [*self.of(where), *self._everywhere(where), *more]

    def _everywhere(self, where: str) -> list[Key]:
        """The keys of everywhere, without those that give way here."""
        return [key for key in self.of("everywhere") if key.action not in _YIELDS.get(where, ())]

    def for_replay(self) -> Keymap:
        """The keys as they are in a replay: its own are live on every screen and take theirs from what has them."""
        made = Keymap()
        taken = {one for key in self.of("replay") for one in key.keys.split(",")}
        made._keys = {}
        for name, key in self._keys.items():
            own = key.where in ("replay", "chart")  # on a chart they move the point one looks at
            left = ",".join(one for one in key.keys.split(",") if own or one not in taken)
            if left:
                made._keys[name] = replace(key, keys=left)
        made._changes, made._replay = self._changes, True
        return made

    def for_wall(self) -> Keymap:
        """The keys as they are on a wall: its own, those of its help, and the way out."""
        return self._only(name for name, key in self._keys.items() if key.where == "wall" or name in _OF_A_WALL)

    def for_view(self) -> Keymap:
        """The keys as they are for somebody who only looks, in a browser: none that asks, writes, sends or begins."""
        return self._only(
            name
            for name, key in self._keys.items()
            if name in _OF_A_VIEW or (key.where in _LOOKED_AT and key.action in _LOOKS)
        )

    def _only(self, names: Iterable[str]) -> Keymap:
        made = Keymap()
        made._keys, made._changes = {name: self._keys[name] for name in names}, self._changes
        return made

    def bindings(self, where: str) -> list[Binding]:
        """What a screen or the app binds."""
        return [
            Binding(one, f"{key.action}('{number}')" if key.action in NUMBERED else key.action, key.what, show=False)
            for key in self.of(where)
            for number, one in enumerate(key.keys.split(","), 1)
        ]

    def hints(self, where: str, demo: bool = False) -> list[tuple[str, str]]:
        """(key, words) for the footer, the most useful first; the demonstration's own last, but for the overview."""
        first = where in ("overview", "everywhere")
        keys = sorted(
            (key for key in self.live(where, demo) if key.hint),
            key=lambda key: (key.where == "demo" and not first, key.hint),
        )
        back = where not in ("overview", "everywhere")
        return [(shown(key.keys), "back" if back and key.action == "leave" else key.what) for key in keys]

    def _clashes(self) -> list[tuple[str, str]]:
        """What can't be told apart where it is pressed; the demonstration's keys are live on every screen."""
        faults = []
        kept = [key for key in self.of("everywhere") if key.action in _KEPT]
        for where in {key.where for key in self._keys.values()} - {"everywhere", "demo"} or {"everywhere"}:
            taken: dict[str, str] = {}
            others = kept if where == "replay" else [*self._everywhere(where), *self.of("demo")]
            for key in (*others, *self.of(where)):
                for one in key.keys.split(","):
                    if one in FORBIDDEN and key.id in self._changes:
                        faults.append((key.id, f"{key.id}: {one} belongs to the terminal"))
                    elif one in taken and taken[one] != key.id:
                        blamed = key.id if key.id in self._changes else taken[one]
                        faults.append((blamed, f"{one} is bound to both {taken[one]} and {key.id}"))
                    taken[one] = key.id
        return faults


def _spelled(key: str) -> str:
    """Textual's name of a key a person wrote: "?" is question_mark, "Ctrl+P" is ctrl+p, "Space" is space.

    LookupError for a key that nobody has.
    """
    wanted = key.strip()
    if len(wanted) == 1:
        return _of_character(wanted)
    faces = {face.lower(): known for known, face in _SHOWN.items()}
    *modifiers, last = faces.get(wanted.lower(), wanted.lower()).split("+")
    plain = _of_character(last) if len(last) == 1 else faces.get(last, last)
    if plain not in _NAMED or any(one not in _MODIFIERS for one in modifiers):
        raise LookupError(f"there is no key {wanted}; write it as o, O, ?, space, f5 or ctrl+o")
    return plain.upper() if modifiers == ["shift"] and len(plain) == 1 else "+".join([*modifiers, plain])


def _of_character(character: str) -> str:
    """How Textual names the key of one character: letters and digits as they are, others by their Unicode name."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


_NAMED: Final = frozenset(
    [key.value for key in Keys if len(key.value) > 1 and not key.value.startswith("<")]
    + [_of_character(chr(code)) for code in range(33, 127)]
)
"""Textual's names of the keys a person can press."""


def _guess(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""
