CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE owner (
	id INTEGER NOT NULL,
	fence INTEGER NOT NULL,
	pid INTEGER NOT NULL,
	host VARCHAR NOT NULL,
	url VARCHAR,
	started_at VARCHAR NOT NULL,
	heartbeat_at VARCHAR NOT NULL,
	released_at VARCHAR,
	PRIMARY KEY (id)
);
CREATE TABLE "plan" (
	tenant VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	spec_digest VARCHAR NOT NULL,
	body TEXT NOT NULL,
	created_at VARCHAR NOT NULL, planned_at VARCHAR,
	PRIMARY KEY (tenant, digest)
);
CREATE TABLE run (
	tenant VARCHAR NOT NULL,
	id VARCHAR NOT NULL,
	spec_name VARCHAR NOT NULL,
	spec_revision INTEGER NOT NULL,
	spec_version VARCHAR,
	spec_digest VARCHAR NOT NULL,
	plan_digest VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	inputs VARCHAR NOT NULL,
	outputs VARCHAR,
	error VARCHAR,
	labels VARCHAR NOT NULL,
	priority INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	cancel_requested INTEGER NOT NULL,
	retried_after INTEGER NOT NULL,
	retried_at VARCHAR,
	created_at VARCHAR NOT NULL,
	started_at VARCHAR,
	finished_at VARCHAR, forked_from VARCHAR, traceparent VARCHAR, policies VARCHAR, parent VARCHAR,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX ix_run_spec ON run (tenant, spec_name, id);
CREATE INDEX ix_run_status ON run (tenant, status, id);
CREATE TABLE spec (
	tenant VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	current_revision INTEGER NOT NULL,
	created_at VARCHAR NOT NULL, retired_at VARCHAR,
	PRIMARY KEY (tenant, name)
);
CREATE TABLE spec_revision (
	tenant VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	revision INTEGER NOT NULL,
	version VARCHAR,
	digest VARCHAR NOT NULL,
	text TEXT NOT NULL,
	media_type VARCHAR NOT NULL,
	description VARCHAR NOT NULL,
	labels VARCHAR NOT NULL,
	warnings VARCHAR NOT NULL,
	created_at VARCHAR NOT NULL, source VARCHAR, published VARCHAR,
	PRIMARY KEY (tenant, name, revision),
	CONSTRAINT uq_spec_revision_digest UNIQUE (tenant, digest),
	CONSTRAINT uq_spec_revision_version UNIQUE (tenant, name, version)
);
CREATE TABLE artifact (
	tenant VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	path VARCHAR NOT NULL,
	bytes INTEGER NOT NULL,
	sha256 VARCHAR NOT NULL,
	media_type VARCHAR NOT NULL,
	step VARCHAR NOT NULL,
	stored_at VARCHAR NOT NULL,
	PRIMARY KEY (tenant, run_id, path),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id)
);
CREATE TABLE attempt (
	tenant VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	outcome VARCHAR,
	started_at VARCHAR NOT NULL,
	finished_at VARCHAR,
	fence INTEGER,
	PRIMARY KEY (tenant, run_id, number),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id)
);
CREATE TABLE event (
	tenant VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	seq INTEGER NOT NULL,
	type VARCHAR NOT NULL,
	at VARCHAR NOT NULL,
	node VARCHAR,
	attempt INTEGER NOT NULL,
	data TEXT NOT NULL,
	PRIMARY KEY (tenant, run_id, seq),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id)
);
CREATE TABLE expansion (
	id INTEGER NOT NULL,
	tenant VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	step VARCHAR NOT NULL,
	visit VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	body TEXT NOT NULL,
	recorded_at VARCHAR NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id),
	CONSTRAINT uq_expansion UNIQUE (tenant, run_id, step, visit)
);
CREATE TABLE question (
	id INTEGER NOT NULL,
	tenant VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	interrupt_id VARCHAR NOT NULL,
	step VARCHAR NOT NULL,
	visit VARCHAR NOT NULL,
	title VARCHAR NOT NULL,
	description VARCHAR NOT NULL,
	show VARCHAR,
	schema TEXT,
	assignees VARCHAR NOT NULL,
	asked_at VARCHAR NOT NULL,
	expires_at VARCHAR,
	answered_at VARCHAR,
	answer VARCHAR,
	answered_by VARCHAR,
	has_expired INTEGER NOT NULL,
	is_taken INTEGER NOT NULL, kind VARCHAR DEFAULT 'person' NOT NULL, signal VARCHAR, "key" VARCHAR,
	PRIMARY KEY (id),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id),
	CONSTRAINT uq_question UNIQUE (tenant, run_id, interrupt_id)
);
CREATE TABLE step_execution (
	id INTEGER NOT NULL,
	tenant VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	step VARCHAR NOT NULL,
	visit VARCHAR NOT NULL,
	task VARCHAR NOT NULL,
	try_number INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	attempt INTEGER NOT NULL,
	started_at VARCHAR NOT NULL,
	finished_at VARCHAR,
	idempotency_key VARCHAR NOT NULL,
	arguments VARCHAR,
	result VARCHAR,
	saves VARCHAR,
	goto VARCHAR,
	error VARCHAR,
	log_uri VARCHAR, usage TEXT,
	PRIMARY KEY (id),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id),
	CONSTRAINT uq_step_execution UNIQUE (tenant, run_id, step, visit, task, try_number)
);
CREATE TABLE idempotency (
	tenant VARCHAR NOT NULL,
	"key" VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	door VARCHAR NOT NULL,
	body_digest VARCHAR NOT NULL,
	status INTEGER NOT NULL,
	answer TEXT NOT NULL,
	created_at VARCHAR NOT NULL,
	PRIMARY KEY (tenant, "key"),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id)
);
CREATE INDEX ix_idempotency_created_at ON idempotency (created_at);
CREATE TABLE checkpoint (
	tenant VARCHAR NOT NULL,
	thread_id VARCHAR NOT NULL,
	namespace VARCHAR NOT NULL,
	id VARCHAR NOT NULL,
	parent_id VARCHAR,
	run_id VARCHAR,
	key_id VARCHAR,
	format VARCHAR NOT NULL,
	content BLOB NOT NULL,
	details BLOB NOT NULL,
	PRIMARY KEY (tenant, thread_id, namespace, id)
);
CREATE INDEX ix_checkpoint_first ON checkpoint (tenant, thread_id) WHERE parent_id IS NULL;
CREATE INDEX ix_checkpoint_run ON checkpoint (tenant, run_id) WHERE run_id IS NOT NULL;
CREATE TABLE checkpoint_write (
	tenant VARCHAR NOT NULL,
	thread_id VARCHAR NOT NULL,
	namespace VARCHAR NOT NULL,
	checkpoint_id VARCHAR NOT NULL,
	task_id VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	task_path VARCHAR NOT NULL,
	channel VARCHAR NOT NULL,
	key_id VARCHAR,
	format VARCHAR NOT NULL,
	content BLOB NOT NULL,
	PRIMARY KEY (tenant, thread_id, namespace, checkpoint_id, task_id, position)
);
CREATE INDEX ix_question_signal ON question (tenant, signal, "key") WHERE signal IS NOT NULL AND answered_at IS NULL;
CREATE TABLE signal (
	number INTEGER NOT NULL,
	tenant VARCHAR NOT NULL,
	id VARCHAR NOT NULL,
	run_id VARCHAR,
	name VARCHAR NOT NULL,
	"key" VARCHAR,
	data TEXT,
	sent_at VARCHAR NOT NULL,
	taken_by_run VARCHAR,
	taken_by VARCHAR,
	PRIMARY KEY (number),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id),
	CONSTRAINT uq_signal UNIQUE (tenant, id)
);
CREATE INDEX ix_signal_kept ON signal (tenant, name) WHERE taken_by IS NULL;
CREATE INDEX ix_signal_sent_at ON signal (sent_at);
CREATE TABLE cached_result (
	tenant VARCHAR NOT NULL,
	"key" VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	kept TEXT NOT NULL,
	cached_at VARCHAR NOT NULL,
	expires_at VARCHAR,
	PRIMARY KEY (tenant, "key"),
	FOREIGN KEY(tenant, run_id) REFERENCES run (tenant, id)
);
CREATE INDEX ix_cached_result_expires_at ON cached_result (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE upload (
	tenant VARCHAR NOT NULL,
	sha256 VARCHAR NOT NULL,
	bytes INTEGER NOT NULL,
	media_type VARCHAR NOT NULL,
	uploaded_at VARCHAR NOT NULL,
	used_at VARCHAR NOT NULL,
	PRIMARY KEY (tenant, sha256)
);
CREATE INDEX ix_upload_used_at ON upload (used_at);
CREATE INDEX ix_plan_spec_digest ON "plan" (tenant, spec_digest);
CREATE INDEX ix_run_parent ON run (tenant, parent) WHERE parent IS NOT NULL;
CREATE INDEX ix_step_execution_used ON step_execution (tenant, started_at) WHERE usage IS NOT NULL;
CREATE TABLE policy (
	tenant VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	current_revision INTEGER NOT NULL,
	created_at VARCHAR NOT NULL,
	retired_at VARCHAR,
	PRIMARY KEY (tenant, name)
);
CREATE TABLE policy_revision (
	tenant VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	revision INTEGER NOT NULL,
	version VARCHAR,
	digest VARCHAR NOT NULL,
	text TEXT NOT NULL,
	media_type VARCHAR NOT NULL,
	created_at VARCHAR NOT NULL,
	PRIMARY KEY (tenant, name, revision),
	CONSTRAINT uq_policy_revision_digest UNIQUE (tenant, digest),
	CONSTRAINT uq_policy_revision_version UNIQUE (tenant, name, version)
);
INSERT INTO alembic_version VALUES ('0004');
