"""Which commands are there, where is each, and what is it for? The whole tree as tables; nothing of it is loaded.

What a command is for stands here in so few words that no line of a help breaks; its own help says the rest. Commands
without words are hidden: programs call them, or they are older names.
"""

from __future__ import annotations

from orchestrator.cli.lazy import CommandTable, LazyGroup, Sections

PROJECT: CommandTable = {
    "list": ("project.listing:list_", "Lists the projects: address, branch, test command."),
    "show": ("project.listing:show", "Shows one project: set-up, tests, what an approval does."),
    "queue": ("project.queue:queue", "Shows its merge queue: order, what is tested now."),
    "add": ("project.add:add", "Looks at a repository and adds it to the fleet."),
    "discover": ("project.discover:find", "Finds repositories under a folder and asks which to add."),
    "edit": ("project.changing:edit", "Changes what fleet.toml says of a project."),
    "remove": ("project.changing:remove", "Takes a project out of fleet.toml."),
}
MISSION: CommandTable = {
    "list": ("mission.listing:list_", "Lists missions; what waits for you comes first."),
    "new": ("mission.filing:new", "Files a mission."),
    "show": ("mission.showing:show", "Shows one mission: result, fields, diff, memo."),
    "watch": ("mission.following:watch", "Follows one mission until it ends."),
    "diff": ("mission.decisions:diff", "Shows what the last attempt changed."),
    "evidence": ("mission.evidence:evidence", "Lists and keeps what the tests left."),
    "compare": ("mission.side_by_side:compare", "Shows several attempts beside each other."),
    "split": ("mission.side_by_side:split", "Makes missions of a file that asks for several attempts."),
    "approve": ("mission.decisions:approve", "Accepts a result that waits for you."),
    "reject": ("mission.decisions:reject", "Sends a result back with a comment."),
    "deliver": ("mission.decisions:deliver", "Pushes a result's branch that its node could not push."),
    "edit": ("mission.filing:edit", "Opens a mission in your editor."),
    "cancel": ("mission.orders:cancel", "Calls a mission off."),
    "pause": ("mission.orders:pause", "Lets a mission rest."),
    "resume": ("mission.orders:resume", "Has a paused mission go on where it was."),
    "say": ("mission.steering:say", "Tells whoever works on a mission something."),
    "budget": ("mission.steering:budget", "Sets what a mission may cost, also while it runs."),
    "retry": ("mission.orders:retry", "Puts a failed mission back into the queue."),
    "trust": ("mission.orders:trust", "Vouches for an untrusted mission: you sign its text."),
    "adopt": ("mission.decisions:adopt", "Makes late work the mission's result."),
    "import": ("mission.board_import:import_", "Files the open tasks of another program's board."),
    "from-chat": ("mission.handover:from_chat", "Makes a mission of a chat on this machine."),
    "chat": ("mission.handover:take_over", "Takes a mission over as a chat on this machine."),
}
TEMPLATE: CommandTable = {
    "list": ("mission.templates:list_", "Lists templates; when each is due, how the last ones went."),
    "new": ("mission.templates:new", "Writes what missions say that come again and again."),
}
NOTIFY: CommandTable = {
    "list": ("notify:listing", "Lists what waits to be told, what failed, what was told."),
    "test": ("notify:test", "Sends a message to every address of SHIFTBOOK_NOTIFY."),
    "rotate-key": ("notify:rotate_key", "Makes a new key for pushes to devices."),
    "retry": ("notify:retry", "Tries everything that failed again at once."),
}
CONFLICTS: CommandTable = {
    "list": ("conflicts:list_", "Lists values that were changed twice at once."),
    "show": ("conflicts:show", "Shows both values, whose each is, in which commit."),
    "resolve": ("conflicts:resolve", "Decides which value stands."),
}
FLEET: CommandTable = {
    "admit": ("fleet.membership:admit", "Lets a person or a machine in."),
    "invite": ("fleet.inviting:invite", "Makes a link by which one machine joins."),
    "revoke": ("fleet.membership:revoke", "Takes a person's or a machine's keys out."),
    "rotate": ("fleet.membership:rotate", "Replaces this machine's key with a new one."),
    "accounts": ("fleet.accounts:accounts", "Shows the agents' accounts, and when the queue stands still."),
    "who": ("fleet.membership:who", "Lists who may do what."),
    "can": ("fleet.reports:can", "Says what this machine's node can do, and what not."),
    "registered": ("fleet.reports:registered", "Lists the nodes that reported to headquarters."),
}
LEDGER: CommandTable = {"recover": ("ledger:recover", "Gives the server back what it lacks and this machine has.")}
HANDOFF: CommandTable = {
    "show": ("handoff:show", "Prints what a fresh instance is given."),
    "check": ("handoff:check", "Checks the handoff documents of any folder."),
    "agents-file": ("handoff:agents_file", "Prints the handoff as an AGENTS.md, for other agents."),
}
LOG: CommandTable = {
    "tail": ("journal.log:tail", "Lists the newest entries of the journal."),
    "show": ("journal.log:show", "Shows one entry whole."),
    "add": ("journal.log:add", "Appends an entry, signed by you."),
    "confirm": ("journal.confirm:confirm", "Confirms what a model proposed, or takes it back."),
    "search": ("journal.log:search", "Finds what earlier sessions said."),
    "export": ("journal.export:export", "Prints the journal as a training set."),
    "import": ("journal.past:import_", "Takes in what claude, codex and others wrote down here."),
    "open": ("journal.past:open_", "Shows the place in a transcript that is cited."),
}
MEMO: CommandTable = {
    "list": ("journal.memo:list_", "Lists memos, or the lessons that they teach."),
    "show": ("journal.memo:show", "Shows a memo, or a lesson with all that was said of it."),
    "promote": ("journal.memo:promote", "Makes a lesson known to the whole fleet."),
    "reject": ("journal.memo:reject", "Keeps a lesson from becoming known."),
}
DIGEST: CommandTable = {
    "status": ("journal.digest:status", "Says what was read when, what waits, what is late."),
    "run": ("journal.digest:run", "Reads the new log entries into the briefings."),
    "accept": ("journal.digest:accept", "Takes what is ticked in a proposal."),
    "reject": ("journal.digest:reject", "Takes nothing of a proposal."),
}
HEARTBEAT: CommandTable = {
    "list": ("journal.heartbeat:list_", "Lists what is looked at, when, and what was found."),
    "check": ("journal.heartbeat:check", "Says how each line is understood, and which is not."),
    "run": ("journal.heartbeat:run", "Takes a turn now: looks at what is due."),
}
SIGNALS: CommandTable = {
    "list": ("fleet.signals:list_", "Lists what suppliers told, and what became of it."),
    "sources": ("fleet.signals:sources", "Lists the suppliers, with their feeds and bounds."),
    "send": ("fleet.signals:send", "Sends an event to headquarters, signed as a supplier."),
    "poll": ("fleet.signals:poll", "Asks a supplier's feed now."),
}
BUS_DEAD: CommandTable = {
    "list": ("fleet.bus:dead_list", "Lists what nobody could do, file or record, and why."),
    "show": ("fleet.bus:dead_show", "Shows one dead letter whole."),
    "retry": ("fleet.bus:dead_retry", "Puts dead missions back on the bus."),
    "drop": ("fleet.bus:dead_drop", "Takes dead letters away for good."),
}
BUS: CommandTable = {
    "status": ("fleet.bus:status", "Says how the Redis server is that carries missions."),
    "dead": ("commands:bus_dead", "Shows dead letters, puts them back or drops them."),
}
TOKEN: CommandTable = {
    "list": ("token:listing", "Lists the tokens, without their secrets."),
    "new": ("token:new", "Makes a token and shows it, this once."),
    "revoke": ("token:revoke", "Shuts a token out, from the next request on."),
}
DEVICE: CommandTable = {
    "list": ("device.listing:list_", "Lists the paired devices."),
    "pair": ("device.pair:pair", "Shows a code for a device to scan."),
    "confirm": ("device.pair:confirm", "Lets in a device that waits."),
    "rename": ("device.listing:rename", "Calls a device otherwise."),
    "scopes": ("device.listing:scopes", "Says what a device may do."),
    "revoke": ("device.listing:revoke", "Shuts a device out, at once and for good."),
    "ca": ("device.authority:authority", "Makes a certificate of your own for this node."),
    "nearby": ("device.nearby:nearby", "Lists the nodes of this network."),
    "conflicts": ("device.conflicts:conflicts", "Lists what two devices set at once."),
    "resolve": ("device.conflicts:resolve", "Decides which of their values stands."),
}
MODELS: CommandTable = {
    "list": ("models:list_", "Lists the models that can be reached."),
    "check": ("models:check", "Measures what a model is good for."),
    "pull": ("models:pull", "Fetches a model: `embedded`, from Ollama, an address."),
    "use": ("models:use", "Answers with another model from now on."),
}
DEPLOY: CommandTable = {
    "hq": ("machine.deploy:hq", "Makes this machine headquarters, with nginx and backups."),
    "worker": ("machine.deploy:worker", "Makes this machine a worker that runs as a service."),
}
NODE: CommandTable = {"run": ("node:run", "Claims missions and works on them until it is told to stop.")}
BENCH: CommandTable = {
    "bus": ("bench:bus", "Measures claims, folds, wake-up, idle cost and growth."),
    "chat": ("bench:chat", "Measures tokens a second and the first word."),
    "handoff": ("bench:handoff", "Measures the handoff over 10,000 log entries."),
    "past": ("bench:past", "Measures imports of transcripts, and a search over them."),
    "start": ("bench:start", "Measures how soon commands answer."),
    "sync": ("bench:sync", "Measures how fast devices hand over and get operations."),
}

CONTINUITY: CommandTable = {
    "show": ("continuity:show", "Shows what real missions say, or how far a study is."),
    "plan": ("continuity:plan", "Writes a study's plan, before the first answer."),
    "run": ("continuity:run", "Makes the trials that are missing."),
    "report": ("continuity:report", "Prints what a study found, and how sure that is."),
    "recall": ("continuity_recall:recall", "Measures the journal's search on LoCoMo or LongMemEval."),
}

project = LazyGroup(
    "project", help="Adds repositories to the fleet, shows and changes them.", table=PROJECT, default="list"
)
mission = LazyGroup(
    "mission",
    help="Files missions, follows them, and decides about their results.",
    table=MISSION,
    default="list",
    sections={
        "Commands": ("list", "new", "import", "show", "watch"),
        "Decide": ("diff", "evidence", "compare", "approve", "reject", "deliver", "trust", "split", "adopt"),
        "Steer": ("say", "budget", "edit", "cancel", "pause", "resume", "retry"),
        "Chats": ("from-chat", "chat"),
    },
    epilog="NAME may be the beginning of a name, or - for the mission that you named last.",
)
template = LazyGroup("template", help="Shows and writes what comes again and again.", table=TEMPLATE, default="list")
notify = LazyGroup("notify", help="Tells people what happens.", table=NOTIFY, default="list")
conflicts = LazyGroup("conflicts", help="Settles what merges could not keep.", table=CONFLICTS, default="list")
ledger = LazyGroup("ledger", help="Gives the ledger's server back what it has lost.", table=LEDGER)
handoff = LazyGroup("handoff", help="Shows and checks what a fresh instance is given.", table=HANDOFF, default="show")
log = LazyGroup("log", help="Writes into the journal, and finds what stands there.", table=LOG, default="tail")
memo = LazyGroup("memo", help="Shows memos, and decides which lessons all know.", table=MEMO, default="list")
digest = LazyGroup("digest", help="Keeps the briefings true to the log.", table=DIGEST, default="status")
heartbeat = LazyGroup("heartbeat", help="Shows and does what HEARTBEAT.md asks for.", table=HEARTBEAT, default="list")
signals = LazyGroup("signals", help="Shows what suppliers tell the fleet.", table=SIGNALS, default="list")
bus_dead = LazyGroup(
    "dead", help="Shows the dead letters of the bus, puts them back or drops them.", table=BUS_DEAD, default="list"
)
bus = LazyGroup("bus", help="Shows how the bus beside the ledger is.", table=BUS, default="status")
token = LazyGroup("token", help="Lets programs and devices use this node's API.", table=TOKEN, default="list")
device = LazyGroup("device", help="Pairs phones and browsers, and shuts them out.", table=DEVICE, default="list")
models = LazyGroup("models", help="Shows, fetches and chooses models.", table=MODELS, default="list")
node = LazyGroup("node", help="Runs this machine's node.", table=NODE)
deploy = LazyGroup("deploy", help="Makes this machine's node a service, or takes that away.", table=DEPLOY)
bench = LazyGroup("bench", help="Measures what Shiftbook promises, on this machine.", table=BENCH)
continuity = LazyGroup("continuity", help="Measures whether documented context helps.", table=CONTINUITY)

SHIFTBOOK: CommandTable = {
    "init": ("init:init", "Makes a ledger: the repository that the fleet shares."),
    "join": ("init:join", "Joins this machine to a ledger that is there."),
    "check": ("clone.check:check", "Checks a clone's files before you push them."),
    "doctor": ("doctor:doctor", "Says what is missing on this machine."),
    "demo": ("demo.command:demo", "Shows a fleet at work in a throw-away folder."),
    "inbox": ("inbox:inbox", "Shows what waits for you, and the next step of each."),
    "mission": ("commands:mission", "Files missions, follows them, decides about results."),
    "template": ("commands:template", "Shows and writes what comes again and again."),
    "chat": ("chat.command:chat", "Talks with this node's model."),
    "project": ("commands:project", "Adds repositories to the fleet, shows and changes them."),
    "log": ("commands:log", "Writes into the journal, and finds what stands there."),
    "memo": ("commands:memo", "Shows memos, and decides which lessons all know."),
    "conflicts": ("commands:conflicts", "Settles what merges could not keep."),
    "node": ("commands:node", "Runs this machine's node."),
    "deploy": ("commands:deploy", "Makes this machine's node a service."),
    "serve": ("node:serve", "Serves the HTTP API without a node."),
    "desktop": ("desktop:desktop", "Opens this node's page in a window of its own."),
    "watch": ("node:watch", "Commits and pushes what you edit in a clone."),
    "fleet": ("fleet.nodes:fleet", "Shows the nodes; lets people and machines in."),
    "device": ("commands:device", "Pairs phones and browsers, and shuts them out."),
    "models": ("commands:models", "Shows, fetches and chooses models."),
    "usage": ("usage:usage", "Shows what was used here: tokens, time, money."),
    "digest": ("commands:digest", "Keeps the briefings true to the log."),
    "heartbeat": ("commands:heartbeat", "Shows and does what HEARTBEAT.md asks for."),
    "handoff": ("commands:handoff", "Shows and checks what a fresh instance is given."),
    "notify": ("commands:notify", "Tells people what happens."),
    "signals": ("commands:signals", "Shows what suppliers tell the fleet."),
    "bus": ("commands:bus", "Shows how the bus beside the ledger is."),
    "token": ("commands:token", "Lets programs and devices use this node's API."),
    "mcp": ("mcp:mcp", "Serves the fleet to another agent's program."),
    "audit": ("audit:audit", "Shows who did what, by the signed history."),
    "ledger": ("commands:ledger", "Gives the ledger's server back what it has lost."),
    "backup": ("machine.backup:backup", "Saves what of this node cannot be made again."),
    "restore": ("machine.backup:restore", "Puts a backup back."),
    "update": ("machine.update:update", "Goes to a newer release, and back if it does not work."),
    "completion": ("completion:completion", "Prints what makes your shell complete commands."),
    "bench": ("commands:bench", "Measures what Shiftbook promises."),
    "continuity": ("commands:continuity", "Measures whether documented context helps."),
    "merge-file": ("merge_file:merge_file", ""),
    "review": ("commands:digest", ""),
    "gatehouse": ("node:gatehouse", ""),
    "update-check": ("machine.update:update_check", ""),
    "update-back": ("machine.update:update_back", ""),
    "update-revoked": ("machine.update:update_revoked", ""),
}
SECTIONS: Sections = {
    "Start": ("init", "join", "check", "doctor", "demo"),
    "Every day": ("inbox", "mission", "template", "chat", "project", "log", "memo", "conflicts"),
    "Run": ("node", "deploy", "serve", "desktop", "watch", "fleet", "device", "models", "usage"),
    "Maintain": (
        "digest",
        "heartbeat",
        "handoff",
        "notify",
        "signals",
        "bus",
        "token",
        "mcp",
        "audit",
        "ledger",
        "backup",
        "restore",
        "update",
        "completion",
        "bench",
        "continuity",
    ),
}
EXAMPLE = """\b
Example:
  shiftbook mission new "The log-in forgets who I am"
  shiftbook                  what waits for you
  shiftbook mission diff -   what the last one changed"""
