CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE usage (
    id INTEGER NOT NULL,
    "when" VARCHAR(32) NOT NULL,
    node VARCHAR(100) NOT NULL,
    mission VARCHAR(100) NOT NULL,
    project VARCHAR(100) NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    agent VARCHAR(40) NOT NULL,
    model VARCHAR(200) NOT NULL,
    backend VARCHAR(40) NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL,
    first_token_seconds DOUBLE,
    seconds DOUBLE NOT NULL,
    cost_usd DOUBLE, tokens_written INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (mission, epoch, node)
);

CREATE INDEX ix_usage_when ON usage ("when");

CREATE INDEX ix_usage_project ON usage (project);

CREATE TABLE conversations (
    id VARCHAR(100) NOT NULL,
    project VARCHAR(100) NOT NULL,
    device VARCHAR(100) NOT NULL,
    title TEXT NOT NULL,
    created VARCHAR(32) NOT NULL,
    updated VARCHAR(32) NOT NULL,
    turns INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_conversations_device ON conversations (device);

CREATE INDEX ix_conversations_project ON conversations (project);

CREATE INDEX ix_conversations_updated ON conversations (updated, id);

CREATE TABLE messages (
    id INTEGER NOT NULL,
    conversation_id VARCHAR(100) NOT NULL,
    seq INTEGER NOT NULL,
    role VARCHAR(100) NOT NULL,
    content TEXT NOT NULL,
    device VARCHAR(100) NOT NULL,
    usage TEXT NOT NULL,
    trace TEXT NOT NULL,
    idempotency_key VARCHAR(100),
    created VARCHAR(32) NOT NULL, operation VARCHAR(100),
    PRIMARY KEY (id),
    FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
    UNIQUE (conversation_id, seq),
    UNIQUE (conversation_id, idempotency_key)
);

CREATE TABLE tool_calls (
    id INTEGER NOT NULL,
    conversation_id VARCHAR(100) NOT NULL,
    name VARCHAR(100) NOT NULL,
    arguments TEXT NOT NULL,
    state VARCHAR(100) NOT NULL,
    result TEXT NOT NULL,
    seconds DOUBLE NOT NULL,
    begun VARCHAR(32) NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);

CREATE INDEX ix_tool_calls_conversation_id ON tool_calls (conversation_id);

CREATE TABLE tokens (
    id INTEGER NOT NULL,
    name VARCHAR(100) NOT NULL,
    digest VARCHAR(100) NOT NULL,
    scopes TEXT NOT NULL,
    created VARCHAR(32) NOT NULL,
    expires VARCHAR(32),
    used VARCHAR(32),
    revoked VARCHAR(32), device VARCHAR(100),
    PRIMARY KEY (id),
    UNIQUE (digest)
);

CREATE UNIQUE INDEX tokens_name_in_force ON tokens (name) WHERE revoked IS NULL;

CREATE TABLE device_state (
    id INTEGER NOT NULL,
    device VARCHAR(100) NOT NULL,
    seq INTEGER NOT NULL,
    state TEXT NOT NULL,
    "when" VARCHAR(32) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (device, seq)
);

CREATE TABLE store_facts (
    name VARCHAR(100) NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE outbox (
    id INTEGER NOT NULL,
    "key" VARCHAR(100) NOT NULL,
    kind VARCHAR(100) NOT NULL,
    body TEXT NOT NULL,
    due VARCHAR(32),
    sent VARCHAR(32),
    tries INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE ("key")
);

CREATE INDEX ix_outbox_due ON outbox (due);

CREATE TABLE operations (
    arrival INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    device VARCHAR(100) NOT NULL,
    seq INTEGER NOT NULL,
    entity VARCHAR(100) NOT NULL,
    register VARCHAR(250),
    size INTEGER NOT NULL,
    op TEXT NOT NULL
);

CREATE UNIQUE INDEX ix_operations_device ON operations (device, seq);

CREATE INDEX ix_operations_entity ON operations (entity);

CREATE TABLE paired_devices (
    id VARCHAR(100) NOT NULL,
    name VARCHAR(100) NOT NULL,
    public_key VARCHAR(100) NOT NULL,
    scopes TEXT NOT NULL,
    created VARCHAR(32) NOT NULL,
    seen VARCHAR(32),
    revoked VARCHAR(32),
    PRIMARY KEY (id),
    UNIQUE (public_key)
);

CREATE TABLE pairings (
    id VARCHAR(100) NOT NULL,
    fleet VARCHAR(100) NOT NULL,
    "key" VARCHAR(100) NOT NULL,
    scopes TEXT NOT NULL,
    created VARCHAR(32) NOT NULL,
    expires VARCHAR(32) NOT NULL,
    state VARCHAR(100) NOT NULL,
    name VARCHAR(100) NOT NULL,
    claimed_name VARCHAR(100) NOT NULL,
    public_key VARCHAR(100) NOT NULL,
    commitment VARCHAR(100) NOT NULL,
    node_nonce VARCHAR(100) NOT NULL,
    code VARCHAR(100) NOT NULL,
    tries INTEGER NOT NULL,
    rivals INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE push_subscriptions (
    id INTEGER NOT NULL,
    device VARCHAR(100) NOT NULL,
    endpoint TEXT NOT NULL,
    p256dh VARCHAR(100) NOT NULL,
    auth VARCHAR(100) NOT NULL,
    server_key VARCHAR(100) NOT NULL,
    quiet VARCHAR(100) NOT NULL,
    timezone VARCHAR(100) NOT NULL,
    kinds TEXT NOT NULL,
    created VARCHAR(32) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (device)
);

CREATE TABLE node_registrations (
    node VARCHAR(100) NOT NULL,
    number INTEGER NOT NULL,
    report TEXT NOT NULL,
    first VARCHAR(32) NOT NULL,
    received VARCHAR(32) NOT NULL,
    PRIMARY KEY (node)
);

CREATE TABLE signals (
    id INTEGER NOT NULL,
    "key" VARCHAR(100) NOT NULL,
    event_key VARCHAR(100) NOT NULL,
    supplier VARCHAR(100) NOT NULL,
    event_id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    received VARCHAR(32) NOT NULL,
    verdict VARCHAR(100) NOT NULL,
    why TEXT NOT NULL,
    missions TEXT NOT NULL,
    filed INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE ("key")
);

CREATE INDEX ix_signals_event_key ON signals (event_key);

CREATE INDEX ix_signals_supplier ON signals (supplier);
