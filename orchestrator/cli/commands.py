"""Which commands are there, where is each, and what is it for? The whole tree as tables; nothing of it is loaded.

The sentences are the first ones of the commands' own help. Commands without one are hidden: programs call them.
"""

from __future__ import annotations

from orchestrator.cli.lazy import CommandTable, LazyGroup

PROJECT: CommandTable = {
    "add": (
        "project.add:add",
        "Looks at a repository and adds it to fleet.toml, signed by you as an admin.",
    ),
    "discover": (
        "project.discover:find",
        "Finds Git repositories under FOLDER and adds those that you say yes to, in one commit.",
    ),
    "list": ("project.listing:list_", "Lists the projects of the fleet: address, branch, test command, other names."),
    "show": (
        "project.listing:show",
        "Shows one project: where it is, its set-up and tests, what an approval does.",
    ),
    "edit": ("project.changing:edit", "Changes what fleet.toml says of a project, signed by you as an admin."),
    "remove": ("project.changing:remove", "Takes a project out of fleet.toml."),
}
MISSION: CommandTable = {
    "new": ("mission.filing:new", "Files a mission that says TEXT (or what stands on standard input), signed by you."),
    "from-chat": (
        "mission.handover:from_chat",
        "Makes a mission of a chat on this machine: what it asks for, and what its workspace has changed already.",
    ),
    "chat": (
        "mission.handover:take_over",
        "Takes a mission over as a chat on this machine, with its words, its result and its work.",
    ),
    "list": (
        "mission.listing:list_",
        "Lists missions: what waits for somebody first, then what runs, then what is queued.",
    ),
    "show": ("mission.showing:show", "Shows one mission: its file with the result, the diff, the memo, late work."),
    "diff": (
        "mission.decisions:diff",
        "Shows what the last attempt changed; in colour and page by page on a terminal.",
    ),
    "approve": ("mission.decisions:approve", "Accepts a result that waits in review."),
    "reject": (
        "mission.decisions:reject",
        "Sends a result back to be done again, with a comment that the next attempt reads.",
    ),
    "deliver": (
        "mission.decisions:deliver",
        "Pushes the branch of a result that waits in review, where its node could not push it at the time.",
    ),
    "watch": ("mission.following:watch", "Follows one mission until it ends."),
    "cancel": ("mission.orders:cancel", "Calls a mission off."),
    "pause": ("mission.orders:pause", "Lets a mission rest."),
    "resume": (
        "mission.orders:resume",
        "Puts a parked mission back into the queue; it goes on where it was if the node that ran it takes it.",
    ),
    "retry": ("mission.orders:retry", "Puts a dead or failed mission back into the queue, with all its attempts."),
    "edit": (
        "mission.filing:edit",
        "Opens a mission in your editor and lands what you saved, merged with what others changed meanwhile.",
    ),
    "adopt": ("mission.decisions:adopt", "Makes late work the mission's result, on your word."),
    "trust": ("mission.orders:trust", "Vouches for an untrusted mission: you sign its text as it is, and it runs."),
}
NOTIFY: CommandTable = {
    "test": ("notify:test", "Sends a message to every address of SHIFTBOOK_NOTIFY now."),
    "list": ("notify:listing", "Shows what waits to be told, what failed and why, and what was told last."),
    "retry": ("notify:retry", "Has everything that failed tried again at once, what was given up too."),
}
CONFLICTS: CommandTable = {
    "list": (
        "conflicts:list_",
        "Lists values that two people, or a person and a node, changed at once, and of which one was kept.",
    ),
    "show": ("conflicts:show", "Shows one conflict: both values, whose each is, in which commit."),
    "resolve": (
        "conflicts:resolve",
        "Decides a conflict, signed by you: the mission is changed if you say so, and the conflict goes away.",
    ),
}
FLEET: CommandTable = {
    "admit": ("fleet.membership:admit", "Lets a person or a machine in: adds its key to allowed_signers."),
    "revoke": ("fleet.membership:revoke", "Takes a person's or a machine's keys out of allowed_signers."),
    "rotate": ("fleet.membership:rotate", "Replaces this machine's key with a new one, in allowed_signers and here."),
    "who": ("fleet.membership:who", "Who may do what."),
}
LEDGER: CommandTable = {
    "recover": (
        "ledger:recover",
        "Gives the server back what this machine's clone of the ledger has and the server lacks.",
    ),
}
HANDOFF: CommandTable = {
    "show": ("handoff:show", "Prints the assembled handoff; what was cut is said on standard error."),
    "check": ("handoff:check", "Checks the handoff documents of any folder, a ledger or not."),
    "agents-file": (
        "handoff:agents_file",
        "Prints the handoff as an AGENTS.md, for agents that are not run by the fleet.",
    ),
}
LOG: CommandTable = {
    "add": ("log:add", "Appends an entry, signed by you."),
    "search": ("log:search", "Finds what earlier sessions said, in all logs, older months included."),
    "export": (
        "log:export",
        "Prints the journal as a fine-tuning set: one conversation a line, with entry, log and commit; always JSON.",
    ),
}
MEMO: CommandTable = {
    "list": ("memo:list_", "Lists memos, the newest first, or the lessons that they teach, the most often seen first."),
    "show": (
        "memo:show",
        "Shows a memo by its id, or a lesson by its name with everything that was said for and against it.",
    ),
    "promote": ("memo:promote", "Makes a lesson known to all: one by its name, all of a memo by its id."),
    "reject": ("memo:reject", "Keeps a lesson from becoming known, now and in whatever words it comes again."),
}
REVIEW: CommandTable = {
    "run": (
        "review:run",
        "Reads the entries since the last review and lands what follows for the briefing in one commit.",
    ),
    "accept": ("review:accept", "Takes what is ticked in projects/NAME/REVIEW_PROPOSAL.md into the briefing."),
    "reject": ("review:reject", "Takes nothing of a proposal; the entries that it rests on count as read."),
    "status": (
        "review:status",
        "When each project was reviewed last, what waits to be read, and what is late or failed.",
    ),
}
TOKEN: CommandTable = {
    "new": ("token:new", "Makes a token and shows it, this once."),
    "list": ("token:listing", "The tokens, without what would let anybody in."),
    "revoke": ("token:revoke", "Shuts a token out, from the next request on."),
}
MODELS: CommandTable = {
    "list": (
        "models:list_",
        "Lists the models of every backend that can be reached, with size, context and quantisation.",
    ),
    "pull": (
        "models:pull",
        "Fetches a model: an Ollama tag, the address of a GGUF file, or hf:owner/repository/file.gguf.",
    ),
    "use": ("models:use", "Answers with another model from now on: a listed one, a GGUF file, or `embedded`."),
}
NODE: CommandTable = {"run": ("node:run", "Claims missions and works on them until it is told to stop.")}
BENCH: CommandTable = {
    "bus": ("bench:bus", "Measures claims, folds, wake-up, idle cost and growth, beside plain Git."),
    "chat": (
        "bench:chat",
        "Measures tokens a second through the API, the second turn's first word, 400 streams at once.",
    ),
    "handoff": ("bench:handoff", "Measures assembling, recall and a review of 200 over 10,000 log entries."),
    "start": (
        "bench:start",
        "Measures how much processor time commands take to start, beside loading what they are made of.",
    ),
}

project = LazyGroup("project", help="Add repositories to the fleet, see and change them.", table=PROJECT)
mission = LazyGroup("mission", help="File missions and follow them.", table=MISSION)
notify = LazyGroup("notify", help="Tell people what happens: where to, what waits, what failed.", table=NOTIFY)
conflicts = LazyGroup(
    "conflicts", help="See what merges could not keep, and decide which value stands.", table=CONFLICTS
)
ledger = LazyGroup("ledger", help="Give the ledger's server back what it has lost.", table=LEDGER)
handoff = LazyGroup(
    "handoff", help="See what a fresh instance is given, and check the documents that it is given.", table=HANDOFF
)
log = LazyGroup("log", help="Write into the journal, search it, take it away.", table=LOG)
memo = LazyGroup("memo", help="Read memos, and decide which lessons the whole fleet knows.", table=MEMO)
review = LazyGroup("review", help="Keep the briefings true to the log.", table=REVIEW)
token = LazyGroup(
    "token", help="Let programs and devices use this node's HTTP API, and shut them out again.", table=TOKEN
)
models = LazyGroup(
    "models", help="See which models this machine can answer with, fetch others, and choose one.", table=MODELS
)
node = LazyGroup("node", help="Run this machine's node.", table=NODE)
bench = LazyGroup("bench", help="Measure what Shiftbook promises, on this machine.", table=BENCH)

SHIFTBOOK: CommandTable = {
    "init": ("init:init", "Makes a ledger in FOLDER (default: here), or completes the one that is there."),
    "join": (
        "init:join",
        "Clones the ledger at URL into FOLDER, set up so that a plain `git commit` and `git push` just work.",
    ),
    "check": (
        "clone.check:check",
        "Checks fleet.toml, allowed_signers and the missions of a clone (default: here) before you push them.",
    ),
    "doctor": ("doctor:doctor", "Says what is missing on this machine and how to mend it."),
    "demo": ("demo:demo", "A fleet of two real processes does the main job in a throw-away folder."),
    "node": ("commands:node", "Run this machine's node."),
    "watch": ("node:watch", "Commits and pushes what you edit in PATH, a clone of the ledger, once it has been quiet."),
    "project": ("commands:project", "Add repositories to the fleet, see and change them."),
    "mission": ("commands:mission", "File missions and follow them."),
    "chat": ("chat.command:chat", "Talks with this node's model, from what the fleet knows."),
    "notify": ("commands:notify", "Tell people what happens: where to, what waits, what failed."),
    "usage": (
        "usage:usage",
        "Shows what was used here, by project: tokens, how many of them came from the prompt cache, time, money.",
    ),
    "conflicts": ("commands:conflicts", "See what merges could not keep, and decide which value stands."),
    "fleet": ("fleet.nodes:fleet", "See the nodes; let people and machines in, and out again."),
    "ledger": ("commands:ledger", "Give the ledger's server back what it has lost."),
    "handoff": ("commands:handoff", "See what a fresh instance is given, and check the documents that it is given."),
    "log": ("commands:log", "Write into the journal, search it, take it away."),
    "memo": ("commands:memo", "Read memos, and decide which lessons the whole fleet knows."),
    "review": ("commands:review", "Keep the briefings true to the log."),
    "merge-file": ("merge_file:merge_file", "Merges BASE, OURS and THEIRS of the ledger's file PATH into OURS."),
    "token": ("commands:token", "Let programs and devices use this node's HTTP API, and shut them out again."),
    "backup": (
        "backup:backup",
        "Saves what of this node cannot be made again into one file, TARGET, or a new file in the folder TARGET.",
    ),
    "restore": (
        "backup:restore",
        "Makes this machine's home folder (SHIFTBOOK_HOME) and its database what the backup FILE holds.",
    ),
    "models": ("commands:models", "See which models this machine can answer with, fetch others, and choose one."),
    "mcp": ("mcp:mcp", "Serves the fleet to an agent's client (Claude Code, Codex, …) over standard input and output."),
    "bench": ("commands:bench", "Measure what Shiftbook promises, on this machine."),
    "serve": ("node:serve", ""),
    "gatehouse": ("node:gatehouse", ""),
}
