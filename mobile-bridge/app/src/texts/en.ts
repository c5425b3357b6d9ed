// Every text that a person reads: here those of the frame and of what comes first, in `en-screens.ts` those of screens that are loaded
// when they are gone to. A function where a number or a name goes in.

export const some = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

export const en = {
  product: 'Shiftbook',
  skip: 'Skip to the content',
  nav: {
    label: 'Screens', now: 'Now', missions: 'Missions', review: 'Review', chat: 'Chat', handoff: 'Handoff', log: 'Log and memos', fleet: 'Fleet',
    devices: 'Devices', conflicts: 'Conflicts', desk: 'Desk', heartbeat: 'Heartbeat', settings: 'Settings', more: 'More', waits: (n: number) => some(n, 'waits for you', 'wait for you'),
  },
  status: {
    queued: 'queued', running: 'running', review: 'waits for you', approved: 'approved', rejected: 'rejected', done: 'done', failed: 'failed, tries again',
    dead: 'gave up', parked: 'parked', cancelled: 'called off', quarantined: 'quarantined', untrusted: 'not trusted yet', conflict: 'changed twice',
    digest: 'proposal', question: 'asks you', unserved: 'no node can', node: 'silent', queue: 'stands still', 'pull request': 'asks you',
  } as Record<string, string>,
  common: {
    retry: 'Try again', cancel: 'Cancel', close: 'Close', back: 'Back', undo: 'Undo', copy: 'Copy', copied: 'Copied', open: 'Open', more: 'Show more', search: 'Search', later: 'Later',
    loading: 'Loading', optional: 'optional', none: 'none', all: 'All', and: ' and ',
  },
  node: {
    here: 'this machine', lan: 'LAN', hq: 'HQ', offline: 'offline', answers: (node: string, route: string) => `${node} · ${route}`,
    nobody: 'no node answers', keptFrom: (age: string) => `as it was ${age} ago`, live: 'live', held: 'asked every 30 s', connecting: 'connecting', unlisted: 'not live', milliseconds: (n: number) => `${Math.round(n)} ms`,
  },
  errors: {
    title: 'This did not work', unreachable: 'No node answers',
    unreachableStep: 'It may be off, or this device may be on another network. What was read before is still here; it is tried again by itself.',
    token: 'This node wants to know who you are', tokenStep: 'Pair this device (`shiftbook device pair` on the node), or paste a token in Settings.',
    forbidden: 'You may not see this', forbiddenStep: 'Your token lacks the scope. `shiftbook token new NAME --scope …` on the node makes one that has it.',
    missing: 'There is no such thing here', missingStep: 'The link may be old, or the ledger has moved on.',
    busy: 'The node is busy', busyStep: 'It is tried again by itself.',
    full: 'This browser has no room for it', fullStep: 'Nothing of it was kept or sent. Free some space on this device, and do it again.',
    large: 'No node answers, and this is too large to wait for one: 1 MiB at most', largeStep: 'It is still here. Make it shorter, or send it when a node answers.',
    screen: 'This screen could not be loaded', screenStep: 'There is no network, or the page was updated meanwhile. Load it again.', reload: 'Load the page again',
    old: 'This page is older than its node', oldStep: 'It fetches the new one and loads again.',
  },
  update: { ready: 'A new version of this page is here.', apply: 'Use it now', install: 'Install Shiftbook', installSays: 'Keep it beside your other apps; it opens with the network off, too.', installed: 'Installed' },
  palette: { open: 'Commands', placeholder: 'Go to a screen, a mission, or do something', empty: 'Nothing has that name.', screens: 'Screens', actions: 'Actions', missions: 'Missions', keys: 'Keyboard shortcuts' },
  keys: {
    title: 'Keyboard shortcuts', goto: (screen: string) => `Go to ${screen}`, palette: 'Commands', help: 'This list', create: 'New mission', search: 'Search', next: 'Next', previous: 'Previous',
    approve: 'Approve', reject: 'Reject', openItem: 'Open', comment: 'Comment on the line', then: 'then',
  },
  theme: { label: 'Appearance', system: 'As the system', light: 'Light', dark: 'Dark' },
  pair: {
    title: 'Pair this device', sub: 'It may then do what you allow at the node, and nothing else.', scan: 'Type `shiftbook device pair` on the node, or use Devices there, and hold the code before the camera.',
    look: 'Scan with the camera', camera: 'What the camera sees', cameraDenied: 'The camera may not be used here. Allow it in the site settings of your browser, or paste the link.', noCamera: 'No camera was found. Paste the link that stands below the code.',
    paste: 'Or paste the link', use: 'Use it', with: (node: string) => `Pair with ${node}`, name: 'What is this device called?', nameHelp: 'So that you know it in the list, and can shut it out if you lose it.',
    ask: 'Ask to come in', asking: 'Asking the node… Allow your browser to reach the local network if it asks.', compare: (node: string) => `Does ${node} show the same digits?`,
    compareStep: 'Compare them, and confirm at the node. Until then this device may do nothing.', done: 'This device is paired.', doneStep: 'What it sends is sealed for that node alone. At the node, `shiftbook device list` shows it.',
    start: 'Go to Now', failed: 'It was not paired', again: 'Start again', foreign: 'This code is of another fleet than the one that this device is paired with. Go on only if you mean that.',
    insecure: 'This page came over an open line', insecureStep: 'A browser keeps no key there. Open it by https, or on the machine itself (http://localhost).',
    wrongNode: 'Who answered is not the node that showed the code. Nothing was paired; take a new code, and look who else is on this network.',
    unreachable: 'No address of the node answers. Is this device in its network? If your browser asked for the local network, allow it and start again.', keepsNothing: 'This browser keeps nothing (a private window?): a device needs a place for its key.',
    faults: { none: 'That is no code of `shiftbook device pair`.', version: 'That code is of another version: update Shiftbook on both sides.', damaged: 'That code is damaged: scan it again, or take a new one.' },
  },
  notFound: { title: 'No such page', says: 'Nothing has this address.', why: 'The link may be old. Commands (`Ctrl K`, or More) find every screen and mission.', step: 'Go to Now' },
  now: {
    sub: (parts: string[]) => parts.join(' · '), waits: (n: number) => (n ? some(n, 'waits for you', 'wait for you') : 'nothing waits for you'),
    running: (n: number) => (n ? `${n} running` : 'nothing runs'), queued: (n: number) => `${n} queued`, today: (cost: string) => `${cost} today`,
    forYou: 'Waits for you', calm: 'Nothing waits for you.', calmStep: 'When a result needs your word, or something goes wrong, it stands here first.',
    fleet: 'Fleet', trouble: 'Went wrong', under: 'Under way', empty: 'A quiet shift.', emptyStep: 'Nothing runs and nothing is queued. Write a sentence and a node takes it on.',
    recent: 'Lately', created: 'New mission', short: 'New', lately: 'Lately', book: 'Now', review: 'Review', look: 'Look', cost: 'Spent today', tokens: 'Tokens', missions: 'Missions worked on',
    silent: (age: string) => `silent for ${age}`, noNodes: 'No node has been heard yet.', noNodesStep: '`shiftbook node run` on any machine of yours starts one.',
    attempt: (n: number) => `attempt ${n}`, on: 'on', by: 'by', since: (age: string) => `for ${age}`,
  },
  missions: {
    sub: (n: number, more: boolean) => `${n}${more ? '+' : ''} ${n === 1 ? 'mission' : 'missions'}`, list: 'List', board: 'Board', view: 'View', search: 'Search by name, title or text', project: 'Project',
    anyProject: 'Every project', archived: 'With what is over', states: 'State', openOnes: 'What is open', empty: 'No mission is filed.', emptyStep: 'A sentence is enough; front matter says more where you want it.',
    noMatch: 'No mission fits these filters.', clear: 'Take the filters off', columns: { waiting: 'Waits for you', queued: 'Queued', running: 'Running', over: 'Over' }, none: 'nothing', more: 'Show more',
  },
  orders: {
    title: 'Orders from offline', again: 'Write it again', words: 'What you wrote', waiting: 'waits for a node', refused: 'refused', failed: 'not done', over: 'ran out before a node took it', see: (what: string) => `I have seen it: ${what}`,
    order: (action: string, mission: string) => `${({ file: 'File', approve: 'Approve', reject: 'Send back', pause: 'Pause', resume: 'Resume', cancel: 'Call off' } as Record<string, string>)[action] ?? action} “${mission}”`,
    notDone: (what: string, why: string) => `Not done: ${what}. ${why}`, several: (n: number) => `${n} orders from offline were not done. They stand in Missions, with why.`,
  },
  newMission: {
    title: 'New mission', sub: 'One sentence is a mission. Front matter says more.', label: 'Mission', name: 'File name', nameHelp: 'Made from the title if you leave it empty.', placeholder: 'Bring the dependencies of shop up to date, and say what changed.',
    file: 'File it', filing: 'Filing…', check: 'It can be read.', checking: 'Reading…', fields: 'Front matter', fieldsHelp: 'Tap a field to put it in.', line: (n: number) => `line ${n}`, filed: (name: string) => `Filed as ${name}.`,
    queued: 'In the outbox: it is filed when a node answers.', empty: 'Write what is to be done.', default: (value: string) => `if absent: ${value}`, attached: (name: string) => `${name} is in the text`, unchecked: 'It could not be read by a node yet.', draftKept: 'Your draft is kept on this device.', lines: 'Where it does not hold yet',
  },
  review: {
    title: (name: string) => `Review ${name}`, list: 'Review', listSub: (n: number) => (n ? some(n, 'result waits for your word', 'results wait for your word') : 'Nothing waits for your word'), empty: 'Nothing to review.', emptyStep: 'Results that need a person stand here. What the rules let pass is in Missions.',
    files: 'Files', filesCount: (n: number) => some(n, 'file', 'files'), approve: 'Approve', approveMerge: 'Approve and merge', reject: 'Reject', rejectDots: 'Reject…', approved: 'Approved.', given: (mission: string) => `Approved: ${mission}, as you said before the page was left.`, approvedUndo: 'Approving…', rejected: 'Sent back to the agent.', comment: 'Comment', commentLine: (path: string, line: number) => `Comment on ${path}, line ${line}`, lineKinds: { '+': ', added', '-': ', taken out', ' ': '' },
    commentAdd: 'Add', commentRemove: 'Remove this comment', commentPlaceholder: 'What should be otherwise?', rejectTitle: 'Send it back', rejectHelp: 'The next attempt reads this. Your line comments stand below it.', rejectPlaceholder: 'What is wrong as a whole? (needed where there are no line comments)', rejectSend: 'Send it back', rejectNeeds: 'Say what is wrong: the next attempt has nothing else to go by.',
    onApproval: 'What happens on approval', as: { '': 'On approval: as the project says', merge: 'Merge', push: 'Push the branch', pull_request: 'Open a pull request', nothing: 'Nothing' } as Record<string, string>, evidence: 'Evidence', binary: 'A binary file; its content is not shown.', truncated: (bytes: string) => `The diff is larger than is sent here (${bytes}). What is below is its beginning; look at the branch itself before you approve.`,
    emptyFile: 'No line of it changed.', lineCut: (n: string) => `… ${n} more characters`,
    noDiff: 'It changed no file.', moved: 'It is another result than you looked at.', movedStep: 'Somebody or a new attempt was faster. Look again.', renamed: (from: string) => `was ${from}`, hunk: (line: number) => `from line ${line}`, queued: 'Your word is in the outbox. It holds for this very result and for a day.', hidden: (n: number) => some(n, 'hidden character', 'hidden characters'), comments: (n: number) => some(n, 'comment', 'comments'),
    tree: 'Changed files', takeOver: 'Take over in chat', position: (n: number, of: number) => `${n} of ${of}`, merge: 'Approve and merge', tooLong: (roof: number) => `At most ${roof} characters go back to the agent.`,
  },
  store: {
    full: 'This browser’s room is full: what you read is not kept for times without a node. What you say still is, before all else. Free some space.',
    gone: (key: boolean, unsent: number) => [
      `The browser has removed what it kept here${key ? ', and this device’s key with it. Pair it again' : ''}: what a node had comes back.`,
      unsent ? `${some(unsent, 'thing that was', 'things that were')} not sent yet went with it.` : '',
    ].join(' '),
    memory: {
      insecure: 'This page was opened over plain HTTP: what is done without a node is gone when the tab closes.',
      unsupported: 'This browser cannot keep anything here: what is done without a node is gone when the tab closes.',
      refused: 'This browser’s storage cannot be opened: what is done without a node is gone when the tab closes.',
      newer: 'A newer page made what is kept here: load the page again.',
    },
    pending: (n: number) => `${some(n, 'thing', 'things')} not sent yet.`,
    sent: 'Everything is sent.', export: 'Export what is kept', refusedSync: (says: string) => `The node does not take it: ${says}`,
  },
  log: {
    sub: 'What each session left for the next one', entries: 'Log', memos: 'Memos', kind: 'Kind', search: 'Search the journal', everyLog: 'Every log', fleets: 'the fleet', mission: 'Its mission',
    empty: 'Nothing is written yet.', emptyStep: 'Each finished mission leaves an entry; `shiftbook log add` writes one by hand.', noMatch: (words: string) => `No entry says “${words}”.`, noMatchStep: 'Other words may find it; a file, a command or an error line is found as it is written.',
  },
  memos: { sub: 'What finished missions reported', empty: 'No mission has reported yet.', emptyStep: 'Each finished mission leaves a memo with what it found and what it learned.', title: (mission: string) => `Memo of ${mission}`, candidate: 'a lesson for all' },
  handoff: {
    sub: 'What the next instance is given, in this order', fleet: 'The fleet', empty: 'Nothing is written here yet.', emptyStep: (path: string) => `A person or a review writes \`${path}\`.`, standing: 'standing rule', search: 'Search the handoff', noMatch: 'Nothing here says that.', now: 'Now', when: 'As it stood',
    past: (age: string) => `This is how it stood ${age} ago.`, pastStep: 'Back to now', items: (n: number) => some(n, 'item', 'items'), cite: (entry: string) => `Entry ${entry}`,
  },
  marks: { hidden: (name: string) => `hidden character ${name}` },
};
