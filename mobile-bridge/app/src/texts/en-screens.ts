// The texts of screens that are loaded when they are gone to, apart so that the first one need not wait for them.
import { some } from './en.ts';

export const screens = {
  devices: {
    sub: 'What is paired with this node, and what each may do.', this: 'Pair this device', another: 'Pair another', none: 'No device is paired.', noneStep: '`shiftbook device pair` shows a code for your phone to scan.',
    own: 'this device', seen: 'last here', never: 'not here yet', edit: 'Change', revoke: 'Shut out', revokeNow: 'Shut it out', saved: 'Saved.', revokedState: 'shut out',
    revokeSays: (name: string) => `${name} is out at once, and for good: what streams to it is cut. It can come back only by a new pairing.`, gone: (name: string) => `${name} is out.`,
    may: 'What it may do', name: 'Name', nameHelp: 'Left empty, it is called what it calls itself.', show: 'Show the code', scan: 'Scan it with the device. It counts once, for five minutes.', link: 'Or open this link there', qr: 'QR code for the device to scan',
    asks: (name: string) => `${name} asks to come in.`, compare: 'Does the device show the same digits?', yes: 'They are the same', no: 'They differ', paired: (name: string) => `${name} is paired.`,
    rivals: (n: number) => `${n} more came with the same code. Say that they differ if one of them was not yours.`, findNear: 'Find nodes on my network', changedKey: 'The node that answers has another key than the one this device was paired with. Nothing is sent to it. If you made it a new key, pair again; if not, look who else is on this network.',
    scopes: { look: 'read', chat: 'talk', missions: 'file and steer missions', approvals: 'approve and reject', sync: 'keep a copy for offline use', ops: 'steer the fleet and its devices' },
    why: {
      near: 'It is on your network, so it is asked first.', far: 'No node of your network answers, so this one does. It goes back by itself.', only: 'It is the one that this device is paired with.',
      ungranted: 'Nodes of your network are not asked yet: your browser wants your leave first.', denied: 'Your browser keeps this page from your network. Its site settings lead back: allow “Local network access” for this address, then load the page again.',
    } as Record<string, string>,
  },
  continuity: {
    title: 'What real missions say', sub: 'Counts with intervals of 95 %, and no experiment: that months differ is no result.', harmful: 'Items of briefings that hurt, by the evidence',
    share: (count: number, of: number, interval: string) => (of ? `${count} of ${of} (${interval})` : 'no case'), byMonth: (name: string) => `By month: ${name}`,
  },
  mission: {
    timeline: 'What happened', output: 'Output', outputEmpty: 'Nothing has been said yet.', soFar: (files: number, added: number, removed: number) => `${some(files, 'file', 'files')}, +${added} −${removed}`, lookAge: (age: string) => `${age} old`, outputLive: 'live', outputNone: 'Output is shown while an attempt runs.', result: 'Result', text: 'The file', why: 'Why it is where it is', family: 'Around it', facts: 'Facts',
    parent: 'Parent', children: 'Children', depends: 'Waits for', project: 'Project', agent: 'Agent', node: 'Node', attempt: 'Attempt', cost: 'Cost', priority: 'Priority', started: 'Started', finished: 'Finished', branch: 'Branch', author: 'Filed by', commit: 'Commit', decided: 'Decided by',
    pause: 'Pause', resume: 'Let it go on', cancel: 'Call off', review: 'Review', cancelAsk: (name: string) => `Call ${name} off? Its processes are ended within seconds; what it did stays in the log.`,
    paused: 'Paused.', resumed: 'It goes on.', cancelled: 'Called off.', queued: 'In the outbox until a node answers.', rulePassed: 'holds', ruleFired: 'asks for a person', standing: (tier: string, accepted: number, rejected: number) => `Agent: ${tier}; ${accepted} accepted, ${rejected} rejected`,
    noRules: 'No rule has been asked yet.', follow: 'Follow the end', wrap: 'Wrap lines', raw: 'Show the file', noTimeline: 'Nothing is written about it yet.', message: 'Say something to it', messageSend: 'Send', messageHelp: 'Delivered at once where the agent takes it, else at its next round.', budget: 'Raise the budget',
    ofBudget: (budget: string) => `of ${budget}`, memo: 'Memo',
    what: { filed: 'Filed', edited: 'Changed', review: 'Waits for review', running: 'Started', claimed: 'Claimed', done: 'Done', failed: 'Failed', parked: 'Parked', dead: 'Gave up', approved: 'Approved', rejected: 'Rejected', cancelled: 'Called off', taken: 'Taken over', queued: 'Queued again', 'taken over': 'Taken over', 'handed back': 'Handed back', merged: 'Merged', deleted: 'Deleted', unreadable: 'Cannot be read' } as Record<string, string>,
    pull: 'Pull request', pullStates: { open: 'open', changing: 'being changed', merged: 'merged', closed: 'closed' } as Record<string, string>,
    budgetTo: 'Budget in dollars', budgetSet: (amount: string) => `Budget is ${amount} now.`, steer: 'Steer',
  },
  queue: {
    title: (project: string) => `Merge queue of ${project}`, empty: 'Nothing waits here.', place: (n: number, of: number, by: string) => `place ${n} of ${of}${by ? ` · approved by ${by}` : ''}`,
    stands: (n: number, of: number, project: string) => `Approved, and place ${n} of ${of} in the merge queue of ${project}`,
    takeBack: 'Take it back…', takeBackUntil: 'Until it is merged you can take it back.', tooLate: 'It cannot be taken back any more.',
    states: { waiting: 'waits', testing: 'tested now', landing: 'merged now', stopped: 'stands still' } as Record<string, string>,
  },
  attempts: {
    title: 'Attempts side by side', attempt: (n: number) => `Attempt ${n}`, here: 'this one', choose: 'One is accepted; the others are called off with it, wherever they run.', tests: 'Tests', passed: 'passed', failed: 'failed', untested: 'not run', changed: 'Changes', time: 'Time', cost: 'Cost',
  },
  desk: {
    sub: 'Talk, tools, output and log of one workspace, side by side.', beside: 'Tools, output and log', workspace: 'Workspace', which: 'Whose output', nothing: 'Nothing runs now. What an attempt says stands here while it runs.',
    tools: 'Tools', noTools: 'No tool was used in this chat. “May use tools” below the message lets it read, search, write and run.',
  },
  heartbeat: {
    sub: (minutes: number, active: boolean, who: string) => [minutes ? `Nodes look every ${minutes} minutes` : 'Turns are switched off', minutes && !active ? 'now they rest' : '', who ? `on the word of ${who}` : ''].filter(Boolean).join(' · '),
    empty: 'Nothing is looked at yet.', emptyStep: 'Write `HEARTBEAT.md` into the ledger: `- disk below 5 GB` below `## Every beat` is a line. `shiftbook heartbeat check` reads along before you push.', found: 'Found', calm: 'Nothing is amiss.', calmStep: (n: number) => `${some(n, 'line is', 'lines are')} looked at; what is found stands here until it is gone.`,
    says: (by: string, told: boolean) => `${by} found it${told ? '' : '; nobody was rung, the notices of today are spent'}`, waits: 'Missions of it that wait', waitsSays: (line: string) => line || 'its line is not in the file any more', lines: 'What is looked at', next: 'next', never: 'never due', looked: 'looked at', notYet: 'not looked at yet',
    problems: 'Not followed', today: 'Today’s budget', notices: 'Notices', missions: 'Missions', money: 'Money', of: (spent: string, budget: string) => `${spent} of ${budget}`, used: (what: string) => `${what}, of today’s budget`, each: (usd: string) => `At most ${usd} for each mission, where its line does not say.`, becomes: 'becomes a mission',
  },
  evidence: { pictures: (n: number) => some(n, 'picture', 'pictures'), alt: (path: string) => `What ${path} shows`, broken: 'The browser cannot show it.' },
  tests: {
    title: 'What the tests left', failures: 'Tests that did not pass', cut: 'without its middle', keep: (path: string) => `Keep ${path}`, enlarge: (path: string) => `Show ${path} wider, or smaller again`,
    leftOut: (n: number) => `${some(n, 'file was', 'files were')} left out`, more: (n: number) => `and ${n} more`,
    counts: (tests: number, failed: number, errors: number, skipped: number) => [some(tests, 'test', 'tests'), `${failed} failed`, errors ? `${errors} with errors` : '', skipped ? `${skipped} skipped` : ''].filter(Boolean).join(', '),
  },
  attach: {
    label: 'Attach files', list: 'Files beside it', remove: (name: string) => `Leave ${name} out`, beside: (name: string) => `${name} goes beside it`, needsNode: 'Files go to a node that answers, and none does now. Your draft is kept; the files stay here until you leave the page.',
    many: (n: number) => `a mission comes with at most ${n} files.`, large: (roof: string) => `it has more than ${roof}: put it into the repository and name its path.`, all: (roof: string) => `the files have more than ${roof} together.`,
  },
  model: {
    title: 'Model on this device', says: 'A small model that answers in the chat while no node does. It runs in this browser alone; what it says is marked as its own.', fetch: (size: string) => `Fetch it (${size})`, again: 'Go on', stop: 'Stop', remove: 'Remove it', removed: 'Removed.', kept: (name: string, size: string) => `${name} is kept here, ${size}.`, offered: (name: string) => `The node offers ${name}.`, progress: (done: string, of: string) => `${done} of ${of}`, newer: (name: string) => `The node offers another one now: ${name}.`,
    none: 'No node is reached that could offer one.', unsupported: 'This browser keeps no files for this page: it was opened over plain HTTP, or is too old.', loading: 'The model is being read into memory…',
    trouble: {
      damaged: 'What came is not what the node offers: it was not kept. Try again, or look at who else is on this line.', noRoom: 'This browser has no room for it. Free some space, then go on: what came already may be here still.', otherTab: 'Another tab fetches it already.',
      unsupported: 'This browser keeps no files for this page.', noOffer: 'The node’s offer cannot be read: update the node or this page.', engine: 'The model cannot be run in this browser. Its memory may be too small; fetch it anew if it worked before.',
    },
    route: 'Who answers', routes: { auto: 'Whoever can', device: 'This device', lan: 'A node on this network', hq: 'Headquarters' }, onDevice: (name: string) => `${name}, on the device`, left: (n: number) => `${some(n, 'earlier turn', 'earlier turns')} did not fit and were not read.`, cut: (n: number) => `The last ${some(n, 'character', 'characters')} of the question did not fit and were not read.`,
  },
  settings: {
    sub: 'What this device keeps and shows', appearance: 'Appearance', node: 'Node', nodeSays: 'Which node this page talks to.', nodeHeld: 'The node answers, but somebody between holds its news back (a proxy that buffers, or compresses). So this page asks for what it shows each half minute.', address: 'Address', addressHelp: 'Empty: the node that this page came from.', addressBad: 'This is no http or https address.', token: 'Token', tokenHelp: '`shiftbook token new NAME --scope look` on the node makes one. It is kept on this device only and is never part of an address.',
    tokenSet: 'A token is kept on this device.', tokenForget: 'Forget the token', save: 'Save', saved: 'Saved.', you: 'You are', scopes: 'You may', storage: 'Storage', storageUsed: (used: string) => `${used} kept on this device`, storageKept: 'The browser has promised to keep it.', storageLoose: 'The browser may clear it when space runs out. What only this device has is sent as soon as a node answers.',
    storageAsk: 'Ask the browser to keep it', storageNone: 'This page has no lasting storage here: it was opened over plain HTTP.', about: 'About', version: 'Node', page: 'Page', api: 'API', role: 'Role', model: 'Model', texts: 'Language', english: 'English', licence: 'MIT licence', install: 'Install', wipe: 'Wipe what is kept here', wipeAsk: 'Take everything of Shiftbook out of this browser? What was not sent yet is lost.', wiped: 'Wiped.', notifications: 'Notifications',
    local: 'a program of this machine’s own user',
  },
  chat: {
    sub: 'It knows what the fleet knows. Begin it here, go on with it on any other device.', conversations: 'Conversations', fresh: 'New chat', freshShort: 'New', empty: 'No chat yet.', emptyStep: 'What you ask stands here, from whichever device.', anything: 'The whole fleet',
    begin: 'Ask what the fleet knows.', beginStep: 'It answers from the handoff of the project that you choose, and says on what it rests. From a chat you can make a mission.', placeholder: 'Ask or delegate…', label: 'Message', send: 'Send', stop: 'Stop', thread: 'What was said', you: 'You', says: (who: string) => `${who} says`,
    earlier: 'Show what was said before', tools: 'May use tools', toolsHelp: 'Read, search, write and run in a workspace of this chat. What your fleet wants to be asked about waits for your word.', waiting: 'Waiting for the first word…', place: (n: number) => `Place ${n} in the queue…`, reading: (model: string) => `${model} is reading…`,
    mission: 'Make a mission of this', missionMade: (name: string) => `Filed as ${name}.`, remove: 'Delete this chat', removeAsk: 'It goes with its workspace and with what the model had read of it. The log keeps what it did.', removed: 'Deleted.', removeNow: 'Delete it',
    asks: (act: string) => `It asks to use ${act}.`, allow: 'Allow', refuse: 'Refuse', allowed: 'Allowed.', refused: 'Refused.', arguments: 'With', result: 'What came of it', toolStates: { running: 'runs', done: 'done', failed: 'failed' },
    toolTrace: (n: number) => some(n, 'tool call', 'tool calls'), rests: (n: number) => some(n, 'document read', 'documents read'), tierTokens: (n: string) => `${n} tokens`, supported: (n: number, of: number) => `${n} of ${of} sentences rest on the handoff`, unsupported: 'Not in the handoff', cites: 'Rests on',
    by: (model: string, toy: boolean, backend: string) => `${model}${toy ? ' (a toy)' : ''}${backend ? ` by ${backend}` : ''}`, ledger: (node: string) => `from the ledger at ${node}; no model was asked`, tokensIn: (n: string, cached: string) => `${n} tokens in, ${cached} cached`, tokensOut: (n: string) => `${n} out`, first: (time: string) => `first word after ${time}`, cut: (n: number) => `${some(n, 'part', 'parts')} left out`, entry: 'log entry',
    finish: { length: 'ends at its token limit', cancelled: 'stopped', error: 'broke off', steps: 'ends at its last step' } as Record<string, string>, broke: 'The line broke before the answer was whole.', brokeStep: 'Your message is at the node. Trying again looks first whether the answer is there by now.', search: 'Search all that was said', noneFound: (words: string) => `Nothing kept here says “${words}”.`, held: 'No node answers. It is sent by itself as soon as one does, until', heldOver: 'It waited for a day, and is not sent by itself any more.', heldNow: 'Send now', heldBack: 'Take it back', notSent: 'It was not sent.', notSentStep: 'What you typed is still here.',
    voice: 'Speak', voiceStop: 'Stop listening', voiceDenied: 'The microphone may not be used here. Allow it in the site settings of your browser.', voiceFailed: 'Nothing was understood. Type it, or try again.', mayNot: 'You may not chat here.', mayNotStep: '`shiftbook token new NAME --scope chat` on the node makes a token that may; a paired device gets it in Devices.',
  },
  push: {
    states: {
      unsupported: 'This browser takes no notifications. On an iPhone or iPad put the page on the Home Screen first.',
      insecure: 'Notifications need https, or this machine’s own address: this page was opened over plain HTTP.',
      denied: 'This browser was told to show no notifications of this page. Its own settings change that.',
      off: 'This device is not rung.', on: 'This device is rung.',
      renew: 'This device has to be turned on again: its browser or the node’s key has changed.',
    } as Record<string, string>,
    kinds: 'It is rung for', quiet: 'Quiet from', quietFrom: 'Quiet from', quietTo: 'to', quietUntil: 'Quiet until', turnOn: 'Ring this device', turnOff: 'Ring it no more', save: 'Save',
    saved: 'This device is rung.', off: 'This device is not rung any more.', unavailable: 'The browser’s push service does not answer, or it may not show notifications. Try again later.',
    kind: {
      review: 'a result waits for you', budget: 'a budget is reached', parked: 'a mission is parked', dead: 'a mission gave up', unserved: 'no node can do it',
      failed: 'an attempt failed', lost: 'a node went silent', 'log-review': 'the log needs a look', finding: 'a look of HEARTBEAT.md found something', done: 'a mission is done',
    } as Record<string, string>,
  },
  fleet: {
    sub: (n: number, live: number) => `${some(n, 'node', 'nodes')} · ${live} live`, node: 'How it is', history: 'What it worked on', noHistory: 'It has worked on nothing yet.', noHistoryStep: 'It takes a mission on as soon as one waits that it can do.', unknown: (name: string) => `No node is called ${name}.`, unknownStep: 'It may have another name now. Its missions stand beside.',
    roles: { HEADQUARTERS: 'Headquarters', LOCAL_WORKER: 'Worker', STANDALONE_NODE: 'Stands alone' } as Record<string, string>, states: { live: 'live', stale: 'silent', offline: 'gone', stopped: 'stopped', unknown: 'not watched yet' } as Record<string, string>,
    worksOn: (missions: string) => `works on ${missions}`, idle: 'free', queue: (n: number) => (n ? `${some(n, 'mission waits', 'missions wait')} that it could take` : 'nothing waits for it'), takenOver: (who: string, n: number) => `${who} took ${some(n, 'mission', 'missions')} over`, handedOver: (mission: string, who: string) => `${mission} was taken over by ${who}.`, weak: (agent: string) => `${agent} (weak)`,
    role: 'Role', beat: 'Last beat', noBeat: 'none', beatNow: 'now', ago: (age: string) => `${age} ago`, workload: 'In hand', waiting: 'Waits for it', load: 'Load', disk: 'Disk', accounts: 'Accounts', notifies: 'Tells people', version: 'Version', yes: 'yes', no: 'no', now: 'Works on',
    spending: 'What it costs', span: 'Span', month: 'This month', days: (n: number) => `${n} days`, total: (runs: number, tokens: string, unpriced: number) => `${some(runs, 'run', 'runs')} · ${tokens} tokens${unpriced ? ` · ${unpriced} without a known price` : ''}`, byDay: 'Cost by day', byNode: 'By node', byModel: 'By model', byProject: 'By project', byAgent: 'By agent', rest: 'all others',
    runs: (n: number) => some(n, 'run', 'runs'), unpriced: (n: number) => `${n} unpriced`, noSpending: 'Nothing was spent in this time.', noSpendingStep: 'Each run tells its tokens and its cost; they are summed here. Prices: `shiftbook usage`.', outlook: 'Budgets and where it leads', whole: 'The whole fleet', noBudget: 'no budget', ofDay: (spent: string, budget: string) => `${spent} of ${budget} today`, budgetUsed: (what: string) => `Today’s budget of ${what}`,
  },
  conflicts: {
    sub: (n: number) => (n ? some(n, 'value is yours to decide', 'values are yours to decide') : 'Nothing is yours to decide'), empty: 'Nothing to decide.', emptyStep: 'When two people, or two devices, change the same thing at once, both values stand here, and nothing is lost.', ledger: 'In the ledger', devices: 'Between devices', file: 'the whole file', what: (part: string, mission: string) => `${part} of ${mission}`,
    stands: (who: string) => `${who} set it to this, and it stands.`, lost: (who: string) => `${who} set it to this; it does not stand.`, somebody: 'Somebody', nothing: 'nothing: it was taken out', keep: 'Leave it so', take: 'Take this', other: 'Write another', otherLabel: 'What it shall say', otherUse: 'Use it', decided: 'Decided.', mayNot: 'To decide takes a token with the scope `missions`.',
    fields: { title: 'The title of a chat', project: 'The project of a chat', hidden: 'Whether a chat is hidden', text: 'The text of a draft' } as Record<string, string>, mission: 'Its mission',
  },
};
