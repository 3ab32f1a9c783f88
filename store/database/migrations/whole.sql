CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(nullif(current_setting('likeness.now', true), '')::timestamptz, now())
$$;

CREATE TABLE secrets (
    name VARCHAR(64) NOT NULL, 
    value BYTEA NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_secrets PRIMARY KEY (name)
);

CREATE TABLE users (
    id UUID NOT NULL, 
    handle VARCHAR(200) NOT NULL, 
    email VARCHAR(320), 
    role VARCHAR(24) DEFAULT 'OWNER' NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_users PRIMARY KEY (id), 
    CONSTRAINT uq_users_handle UNIQUE (handle), 
    CONSTRAINT ck_users_role CHECK (role IN ('OWNER', 'EDITOR', 'REVIEWER', 'VIEWER'))
);

CREATE TABLE api_keys (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    name VARCHAR(200) NOT NULL, 
    prefix VARCHAR(16) NOT NULL, 
    digest BYTEA NOT NULL, 
    scopes VARCHAR(32)[] NOT NULL, 
    last_used_at TIMESTAMP WITH TIME ZONE, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    revoked_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_api_keys PRIMARY KEY (id), 
    CONSTRAINT fk_api_keys_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);

CREATE INDEX ix_api_keys_user_id ON api_keys (user_id);

CREATE TABLE audit_entries (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    actor VARCHAR(200) NOT NULL, 
    action VARCHAR(64) NOT NULL, 
    object_id UUID, 
    object_type VARCHAR(32), 
    request_id VARCHAR(64), 
    details JSONB DEFAULT '{}'::jsonb NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_audit_entries PRIMARY KEY (id), 
    CONSTRAINT fk_audit_entries_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_audit_entries_owner_id_created_at_id ON audit_entries (owner_id, created_at, id);

CREATE TABLE files (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    sha256 VARCHAR(64) NOT NULL, 
    size BIGINT NOT NULL, 
    media_type VARCHAR(64) NOT NULL, 
    width INTEGER NOT NULL, 
    height INTEGER NOT NULL, 
    thumbnail_256 VARCHAR(64) NOT NULL, 
    thumbnail_512 VARCHAR(64) NOT NULL, 
    placeholder VARCHAR(64) NOT NULL, 
    perceptual_hash VARCHAR(32) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_files PRIMARY KEY (id), 
    CONSTRAINT fk_files_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_files_owner_id_sha256 UNIQUE (owner_id, sha256)
);

CREATE INDEX ix_files_sha256 ON files (sha256);

CREATE INDEX ix_files_thumbnail_256 ON files (thumbnail_256);

CREATE INDEX ix_files_thumbnail_512 ON files (thumbnail_512);

CREATE TABLE idempotency_keys (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    mutation VARCHAR(64) NOT NULL, 
    key VARCHAR(255) NOT NULL, 
    input_digest BYTEA NOT NULL, 
    created_ids JSONB NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (id), 
    CONSTRAINT fk_idempotency_keys_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_idempotency_keys_user_id_mutation_key UNIQUE (user_id, mutation, key)
);

CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);

CREATE TABLE subjects (
    id UUID NOT NULL, 
    kind VARCHAR(24) NOT NULL, 
    owner_id UUID NOT NULL, 
    name VARCHAR(200) NOT NULL, 
    appearance TEXT, 
    base_appearance_description TEXT, 
    base_image_status VARCHAR(24) DEFAULT 'PENDING_UPLOAD' NOT NULL, 
    base_image_id UUID, 
    base_image_versions INTEGER DEFAULT '0' NOT NULL, 
    personality TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_subjects PRIMARY KEY (id), 
    CONSTRAINT ck_subjects_has_a_look CHECK (appearance IS NOT NULL OR base_appearance_description IS NOT NULL), 
    CONSTRAINT fk_subjects_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT ck_subjects_subjectkind CHECK (kind IN ('PERSONA', 'CHARACTER')), 
    CONSTRAINT ck_subjects_baseimagestatus CHECK (base_image_status IN ('PENDING_UPLOAD', 'DRAFT', 'APPROVED', 'REJECTED'))
);

CREATE INDEX ix_subjects_base_image_id ON subjects (base_image_id);

CREATE INDEX ix_subjects_base_image_status ON subjects (base_image_status);

CREATE INDEX ix_subjects_owner_id_kind_base_image_status_created_at_id ON subjects (owner_id, kind, base_image_status, created_at, id);

CREATE INDEX ix_subjects_owner_id_kind_created_at_id ON subjects (owner_id, kind, created_at, id);

CREATE INDEX ix_subjects_owner_id_kind_name_id ON subjects (owner_id, kind, name, id);

CREATE TABLE lanes (
    name VARCHAR(32) NOT NULL, 
    virtual_time DOUBLE PRECISION DEFAULT '0' NOT NULL, 
    closed_until TIMESTAMP WITH TIME ZONE, 
    closed_reason TEXT, 
    CONSTRAINT pk_lanes PRIMARY KEY (name)
);

CREATE TABLE turns (
    lane VARCHAR(32) NOT NULL, 
    user_id UUID NOT NULL, 
    virtual_time DOUBLE PRECISION DEFAULT '0' NOT NULL, 
    CONSTRAINT pk_turns PRIMARY KEY (lane, user_id), 
    CONSTRAINT fk_turns_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE jobs (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    kind VARCHAR(24) NOT NULL, 
    title VARCHAR(200) NOT NULL, 
    project VARCHAR(200), 
    use_case VARCHAR(200), 
    status VARCHAR(24) DEFAULT 'QUEUED' NOT NULL, 
    subject_id UUID, 
    retry_of_id UUID, 
    request JSONB DEFAULT '{}'::jsonb NOT NULL, 
    request_id VARCHAR(64), 
    revision BIGINT DEFAULT '1' NOT NULL, 
    failed_count INTEGER DEFAULT '0' NOT NULL, 
    cost_usd NUMERIC(12, 6) DEFAULT '0' NOT NULL, 
    text TEXT, 
    message TEXT, 
    failure_code VARCHAR(32), 
    failure_message TEXT, 
    failure_retryable BOOLEAN, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    started_at TIMESTAMP WITH TIME ZONE, 
    finished_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_jobs PRIMARY KEY (id), 
    CONSTRAINT fk_jobs_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_jobs_retry_of_id_jobs FOREIGN KEY(retry_of_id) REFERENCES jobs (id) ON DELETE SET NULL, 
    CONSTRAINT fk_jobs_subject_id_subjects FOREIGN KEY(subject_id) REFERENCES subjects (id) ON DELETE CASCADE, 
    CONSTRAINT ck_jobs_jobkind CHECK (kind IN ('IMAGE', 'ARTICLE', 'TEXT', 'TRAINING', 'PUBLICATION', 'DOWNLOAD')), 
    CONSTRAINT ck_jobs_jobstatus CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'))
);

CREATE INDEX ix_jobs_owner_id_created_at_id ON jobs (owner_id, created_at, id);

CREATE INDEX ix_jobs_owner_id_status_created_at_id ON jobs (owner_id, status, created_at, id);

CREATE INDEX ix_jobs_retry_of_id ON jobs (retry_of_id);

CREATE INDEX ix_jobs_subject_id_created_at ON jobs (subject_id, created_at);

CREATE TABLE uploads (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    file_id UUID NOT NULL, 
    original_name VARCHAR(200) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_uploads PRIMARY KEY (id), 
    CONSTRAINT fk_uploads_file_id_files FOREIGN KEY(file_id) REFERENCES files (id) ON DELETE CASCADE, 
    CONSTRAINT fk_uploads_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_uploads_file_id ON uploads (file_id);

CREATE INDEX ix_uploads_owner_id_created_at_id ON uploads (owner_id, created_at, id);

CREATE TABLE variants (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    job_id UUID, 
    subject_id UUID, 
    file_id UUID, 
    purpose VARCHAR(24) NOT NULL, 
    version_number INTEGER NOT NULL, 
    status VARCHAR(24) DEFAULT 'QUEUED' NOT NULL, 
    source VARCHAR(24) NOT NULL, 
    model_key VARCHAR(200), 
    model_version VARCHAR(200), 
    original_prompt TEXT, 
    enhanced_prompt TEXT, 
    enhanced_by VARCHAR(200), 
    composed_prompt TEXT, 
    negative_prompt TEXT, 
    parameters JSONB DEFAULT '{}'::jsonb NOT NULL, 
    conditioning JSONB DEFAULT '[]'::jsonb NOT NULL, 
    width INTEGER, 
    height INTEGER, 
    seed BIGINT, 
    likeness DOUBLE PRECISION, 
    quality DOUBLE PRECISION, 
    generation_time_ms INTEGER, 
    cost_usd NUMERIC(12, 6), 
    provider_job_id VARCHAR(200), 
    attribution JSONB, 
    is_favorite BOOLEAN DEFAULT false NOT NULL, 
    rating INTEGER, 
    keep BOOLEAN DEFAULT false NOT NULL, 
    rejection_reason TEXT, 
    held_reason TEXT, 
    fallback_from VARCHAR(200), 
    failure_code VARCHAR(32), 
    failure_message TEXT, 
    failure_retryable BOOLEAN, 
    cdn_url TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    finished_at TIMESTAMP WITH TIME ZONE, 
    approved_at TIMESTAMP WITH TIME ZONE, 
    published_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_variants PRIMARY KEY (id), 
    CONSTRAINT fk_variants_file_id_files FOREIGN KEY(file_id) REFERENCES files (id) ON DELETE RESTRICT, 
    CONSTRAINT fk_variants_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE, 
    CONSTRAINT fk_variants_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_variants_subject_id_subjects FOREIGN KEY(subject_id) REFERENCES subjects (id) ON DELETE CASCADE, 
    CONSTRAINT ck_variants_variantpurpose CHECK (purpose IN ('BASE_IMAGE', 'POST_IMAGE', 'SCENE')), 
    CONSTRAINT ck_variants_variantstatus CHECK (status IN ('QUEUED', 'RUNNING', 'DRAFT', 'HELD', 'APPROVED', 'PUBLISHED', 'REJECTED', 'BLOCKED', 'FAILED', 'CANCELED')), 
    CONSTRAINT ck_variants_imagesource CHECK (source IN ('UPLOAD', 'LOCAL', 'CLOUD', 'STOCK'))
);

CREATE INDEX ix_variants_file_id ON variants (file_id);

CREATE INDEX ix_variants_job_id_version_number ON variants (job_id, version_number);

CREATE INDEX ix_variants_owner_id_created_at_id ON variants (owner_id, created_at, id);

CREATE INDEX ix_variants_owner_id_status_created_at_id ON variants (owner_id, status, created_at, id);

CREATE INDEX ix_variants_subject_id_created_at_id ON variants (subject_id, created_at, id);

CREATE INDEX ix_variants_subject_id_purpose_version_number ON variants (subject_id, purpose, version_number);

CREATE UNIQUE INDEX uq_variants_base_image_version ON variants (subject_id, version_number) WHERE purpose = 'BASE_IMAGE';

CREATE TABLE tasks (
    id UUID NOT NULL, 
    job_id UUID, 
    variant_id UUID, 
    owner_id UUID NOT NULL, 
    kind VARCHAR(24) NOT NULL, 
    lane VARCHAR(32) NOT NULL, 
    model_key VARCHAR(200), 
    state VARCHAR(24) DEFAULT 'QUEUED' NOT NULL, 
    priority INTEGER DEFAULT '0' NOT NULL, 
    spec JSONB DEFAULT '{}'::jsonb NOT NULL, 
    request_id VARCHAR(64), 
    fence BIGINT DEFAULT '0' NOT NULL, 
    tries INTEGER DEFAULT '0' NOT NULL, 
    deaths INTEGER DEFAULT '0' NOT NULL, 
    stepped BOOLEAN DEFAULT false NOT NULL, 
    advanced BOOLEAN DEFAULT false NOT NULL, 
    worker VARCHAR(64), 
    not_before TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    lease_until TIMESTAMP WITH TIME ZONE, 
    latents VARCHAR(64), 
    latents_step INTEGER, 
    cost_estimate NUMERIC(12, 6) DEFAULT '0' NOT NULL, 
    failure_code VARCHAR(32), 
    failure_message TEXT, 
    failure_retryable BOOLEAN, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    started_at TIMESTAMP WITH TIME ZONE, 
    finished_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_tasks PRIMARY KEY (id), 
    CONSTRAINT fk_tasks_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE, 
    CONSTRAINT fk_tasks_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_tasks_variant_id_variants FOREIGN KEY(variant_id) REFERENCES variants (id) ON DELETE CASCADE, 
    CONSTRAINT ck_tasks_taskkind CHECK (kind IN ('IMAGE', 'WRITE', 'TRAIN', 'PUBLISH', 'DOWNLOAD', 'DELIVER')), 
    CONSTRAINT ck_tasks_jobstatus CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED'))
);

CREATE INDEX ix_tasks_claimable ON tasks (lane, owner_id, priority DESC, id) WHERE state = 'QUEUED';

CREATE INDEX ix_tasks_job_id ON tasks (job_id);

CREATE INDEX ix_tasks_leases ON tasks (lease_until) WHERE state = 'RUNNING';

CREATE INDEX ix_tasks_suspects ON tasks (lane) WHERE state = 'QUEUED' AND deaths > 0;

CREATE INDEX ix_tasks_latents ON tasks (latents) WHERE latents IS NOT NULL;

CREATE INDEX ix_tasks_variant_id ON tasks (variant_id);

CREATE TABLE provider_calls (
    id UUID NOT NULL, 
    task_id UUID NOT NULL, 
    key VARCHAR(64) NOT NULL, 
    provider VARCHAR(32) NOT NULL, 
    model VARCHAR(200) NOT NULL, 
    provider_id VARCHAR(200), 
    state VARCHAR(24) DEFAULT 'INTENDED' NOT NULL, 
    estimate NUMERIC(12, 6) NOT NULL, 
    cost NUMERIC(12, 6), 
    words TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_provider_calls PRIMARY KEY (id), 
    CONSTRAINT fk_provider_calls_task_id_tasks FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE, 
    CONSTRAINT uq_provider_calls_task_id_key UNIQUE (task_id, key), 
    CONSTRAINT ck_provider_calls_callstate CHECK (state IN ('INTENDED', 'ACCEPTED', 'SUCCEEDED', 'FAILED', 'UNKNOWN'))
);

CREATE UNLOGGED TABLE task_progress (
    task_id UUID NOT NULL, 
    fence BIGINT NOT NULL, 
    revision BIGINT DEFAULT '0' NOT NULL, 
    phase VARCHAR(32) NOT NULL, 
    step INTEGER DEFAULT '0' NOT NULL, 
    steps INTEGER DEFAULT '0' NOT NULL, 
    tick INTEGER DEFAULT '0' NOT NULL, 
    loss DOUBLE PRECISION, 
    preview BYTEA, 
    preview_type VARCHAR(32), 
    preview_width INTEGER, 
    preview_height INTEGER, 
    watched_until TIMESTAMP WITH TIME ZONE, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_task_progress PRIMARY KEY (task_id)
);

ALTER TABLE subjects ADD CONSTRAINT fk_subjects_base_image_id_variants FOREIGN KEY(base_image_id) REFERENCES variants (id) ON DELETE SET NULL;

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

-- Running upgrade 0001 -> 0002

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE stock_searches (
    provider VARCHAR(32) NOT NULL, 
    asked VARCHAR(400) NOT NULL, 
    answer JSONB NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_stock_searches PRIMARY KEY (provider, asked)
);

CREATE INDEX ix_stock_searches_created_at ON stock_searches (created_at);

CREATE TABLE activity_entries (
    owner_id UUID NOT NULL, 
    sequence BIGINT NOT NULL, 
    node_type VARCHAR(32) NOT NULL, 
    node_id UUID NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_activity_entries PRIMARY KEY (owner_id, sequence), 
    CONSTRAINT fk_activity_entries_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE activity_heads (
    owner_id UUID NOT NULL, 
    sequence BIGINT DEFAULT '0' NOT NULL, 
    CONSTRAINT pk_activity_heads PRIMARY KEY (owner_id), 
    CONSTRAINT fk_activity_heads_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE games (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    name VARCHAR(200) NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_games PRIMARY KEY (id), 
    CONSTRAINT fk_games_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_games_owner_id_created_at_id ON games (owner_id, created_at, id);

CREATE TABLE limits (
    user_id UUID NOT NULL, 
    daily_images INTEGER, 
    monthly_images INTEGER, 
    monthly_budget_usd NUMERIC(12, 6), 
    CONSTRAINT pk_limits PRIMARY KEY (user_id), 
    CONSTRAINT fk_limits_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE presets (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    key VARCHAR(64) NOT NULL, 
    name VARCHAR(200) NOT NULL, 
    model_key VARCHAR(200) NOT NULL, 
    parameters JSONB DEFAULT '{}'::jsonb NOT NULL, 
    batch_count INTEGER DEFAULT '1' NOT NULL, 
    smart_prompt BOOLEAN DEFAULT false NOT NULL, 
    use_case VARCHAR(200), 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_presets PRIMARY KEY (id), 
    CONSTRAINT fk_presets_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_presets_owner_id_key ON presets (owner_id, key);

CREATE TABLE usage (
    user_id UUID NOT NULL, 
    month DATE NOT NULL, 
    images INTEGER DEFAULT '0' NOT NULL, 
    held_images INTEGER DEFAULT '0' NOT NULL, 
    days JSONB DEFAULT '{}'::jsonb NOT NULL, 
    spent_usd NUMERIC(12, 6) DEFAULT '0' NOT NULL, 
    held_usd NUMERIC(12, 6) DEFAULT '0' NOT NULL, 
    CONSTRAINT pk_usage PRIMARY KEY (user_id, month), 
    CONSTRAINT ck_usage_holds_are_real CHECK (held_usd >= 0 AND held_images >= 0), 
    CONSTRAINT fk_usage_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE TABLE webhook_endpoints (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    url TEXT NOT NULL, 
    secret VARCHAR(120) NOT NULL, 
    events VARCHAR(64)[] NOT NULL, 
    enabled BOOLEAN DEFAULT true NOT NULL, 
    disabled_reason TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id), 
    CONSTRAINT fk_webhook_endpoints_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_webhook_endpoints_owner_id_created_at_id ON webhook_endpoints (owner_id, created_at, id);

CREATE TABLE beats (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    game_id UUID NOT NULL, 
    title VARCHAR(200) NOT NULL, 
    position INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_beats PRIMARY KEY (id), 
    CONSTRAINT fk_beats_game_id_games FOREIGN KEY(game_id) REFERENCES games (id) ON DELETE CASCADE, 
    CONSTRAINT fk_beats_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_beats_game_id_position UNIQUE (game_id, position) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX ix_beats_owner_id_created_at_id ON beats (owner_id, created_at, id);

CREATE TABLE webhook_deliveries (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    endpoint_id UUID NOT NULL, 
    event VARCHAR(64) NOT NULL, 
    event_key VARCHAR(120) NOT NULL, 
    payload JSONB NOT NULL, 
    state VARCHAR(24) DEFAULT 'PENDING' NOT NULL, 
    attempts INTEGER DEFAULT '0' NOT NULL, 
    last_status INTEGER, 
    last_error TEXT, 
    next_attempt_at TIMESTAMP WITH TIME ZONE, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    delivered_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id), 
    CONSTRAINT fk_webhook_deliveries_endpoint_id_webhook_endpoints FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoints (id) ON DELETE CASCADE, 
    CONSTRAINT fk_webhook_deliveries_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_webhook_deliveries_endpoint_id_event_key UNIQUE (endpoint_id, event_key), 
    CONSTRAINT ck_webhook_deliveries_deliverystate CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED'))
);

CREATE INDEX ix_webhook_deliveries_endpoint_id_created_at_id ON webhook_deliveries (endpoint_id, created_at, id);

CREATE INDEX ix_webhook_deliveries_owner_id ON webhook_deliveries (owner_id);

CREATE TABLE posts (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    title VARCHAR(200), 
    slug VARCHAR(220), 
    content TEXT DEFAULT '' NOT NULL, 
    excerpt TEXT, 
    image_prompt TEXT, 
    persona_id UUID, 
    beat_id UUID, 
    status VARCHAR(24) DEFAULT 'DRAFT' NOT NULL, 
    featured_image_id UUID, 
    featured_image_url TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    published_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_posts PRIMARY KEY (id), 
    CONSTRAINT fk_posts_beat_id_beats FOREIGN KEY(beat_id) REFERENCES beats (id) ON DELETE CASCADE, 
    CONSTRAINT fk_posts_featured_image_id_variants FOREIGN KEY(featured_image_id) REFERENCES variants (id) ON DELETE SET NULL, 
    CONSTRAINT fk_posts_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_posts_persona_id_subjects FOREIGN KEY(persona_id) REFERENCES subjects (id) ON DELETE SET NULL, 
    CONSTRAINT uq_posts_owner_id_slug UNIQUE (owner_id, slug), 
    CONSTRAINT ck_posts_poststatus CHECK (status IN ('DRAFT', 'WRITING', 'AWAITING_IMAGE', 'AWAITING_APPROVAL', 'PUBLISHING', 'PUBLISHED'))
);

CREATE INDEX ix_posts_beat_id_created_at_id ON posts (beat_id, created_at, id);

CREATE INDEX ix_posts_featured_image_id ON posts (featured_image_id);

CREATE INDEX ix_posts_owner_id_created_at_id ON posts (owner_id, created_at, id);

CREATE INDEX ix_posts_owner_id_status_created_at_id ON posts (owner_id, status, created_at, id);

CREATE INDEX ix_posts_persona_id_created_at_id ON posts (persona_id, created_at, id);

CREATE TABLE dice_rolls (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    post_id UUID, 
    notation VARCHAR(200) NOT NULL, 
    total INTEGER NOT NULL, 
    breakdown TEXT NOT NULL, 
    rolled_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_dice_rolls PRIMARY KEY (id), 
    CONSTRAINT fk_dice_rolls_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_dice_rolls_post_id_posts FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE
);

CREATE INDEX ix_dice_rolls_owner_id ON dice_rolls (owner_id);

CREATE INDEX ix_dice_rolls_post_id_rolled_at_id ON dice_rolls (post_id, rolled_at, id);

CREATE TABLE adapters (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    subject_id UUID NOT NULL, 
    job_id UUID, 
    kind VARCHAR(32) DEFAULT 'LORA' NOT NULL, 
    base_model_key VARCHAR(200) NOT NULL, 
    provider VARCHAR(32) NOT NULL, 
    provider_version TEXT, 
    sha256 VARCHAR(64), 
    size INTEGER, 
    rank INTEGER NOT NULL, 
    trigger VARCHAR(64) NOT NULL, 
    training_images INTEGER NOT NULL, 
    parameters JSONB DEFAULT '{}'::jsonb NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_adapters PRIMARY KEY (id), 
    CONSTRAINT fk_adapters_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE SET NULL, 
    CONSTRAINT fk_adapters_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_adapters_subject_id_subjects FOREIGN KEY(subject_id) REFERENCES subjects (id) ON DELETE CASCADE
);

CREATE INDEX ix_adapters_job_id ON adapters (job_id);

CREATE INDEX ix_adapters_owner_id ON adapters (owner_id);

CREATE INDEX ix_adapters_sha256 ON adapters (sha256);

CREATE INDEX ix_adapters_subject_id_created_at_id ON adapters (subject_id, created_at, id);

CREATE TABLE embeddings (
    variant_id UUID NOT NULL, 
    encoder VARCHAR(200) NOT NULL, 
    owner_id UUID NOT NULL, 
    vector VECTOR NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_embeddings PRIMARY KEY (variant_id, encoder), 
    CONSTRAINT fk_embeddings_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_embeddings_variant_id_variants FOREIGN KEY(variant_id) REFERENCES variants (id) ON DELETE CASCADE
);

CREATE INDEX ix_embeddings_encoder_owner_id ON embeddings (encoder, owner_id);

CREATE INDEX ix_embeddings_owner_id ON embeddings (owner_id);

CREATE TABLE post_images (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    post_id UUID NOT NULL, 
    variant_id UUID NOT NULL, 
    character_id UUID, 
    prompt TEXT, 
    generation_params JSONB DEFAULT '{}'::jsonb NOT NULL, 
    caption TEXT, 
    position INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_post_images PRIMARY KEY (id), 
    CONSTRAINT fk_post_images_character_id_subjects FOREIGN KEY(character_id) REFERENCES subjects (id) ON DELETE SET NULL, 
    CONSTRAINT fk_post_images_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_post_images_post_id_posts FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
    CONSTRAINT fk_post_images_variant_id_variants FOREIGN KEY(variant_id) REFERENCES variants (id) ON DELETE CASCADE, 
    CONSTRAINT uq_post_images_post_id_position UNIQUE (post_id, position) DEFERRABLE INITIALLY DEFERRED, 
    CONSTRAINT uq_post_images_post_id_variant_id UNIQUE (post_id, variant_id)
);

CREATE INDEX ix_post_images_character_id ON post_images (character_id);

CREATE INDEX ix_post_images_owner_id ON post_images (owner_id);

CREATE INDEX ix_post_images_variant_id ON post_images (variant_id);

CREATE TABLE publications (
    id UUID NOT NULL, 
    owner_id UUID NOT NULL, 
    variant_id UUID NOT NULL, 
    post_id UUID, 
    target VARCHAR(32) NOT NULL, 
    key VARCHAR(400) NOT NULL, 
    state VARCHAR(24) DEFAULT 'INTENDED' NOT NULL, 
    url TEXT, 
    etag TEXT, 
    remote JSONB DEFAULT '{}'::jsonb NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    published_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_publications PRIMARY KEY (id), 
    CONSTRAINT fk_publications_owner_id_users FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT fk_publications_post_id_posts FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE SET NULL, 
    CONSTRAINT fk_publications_variant_id_variants FOREIGN KEY(variant_id) REFERENCES variants (id) ON DELETE CASCADE, 
    CONSTRAINT uq_publications_variant_id_target UNIQUE (variant_id, target), 
    CONSTRAINT ck_publications_publicationstate CHECK (state IN ('INTENDED', 'UPLOADED', 'PUBLISHED', 'WITHDRAWN'))
);

CREATE INDEX ix_publications_owner_id ON publications (owner_id);

CREATE INDEX ix_publications_post_id ON publications (post_id);

CREATE TABLE ledger_entries (
    id UUID NOT NULL, 
    user_id UUID NOT NULL, 
    month DATE NOT NULL, 
    day DATE NOT NULL, 
    task_id UUID, 
    kind VARCHAR(24) NOT NULL, 
    usd NUMERIC(12, 6) NOT NULL, 
    images INTEGER DEFAULT '0' NOT NULL, 
    estimated BOOLEAN DEFAULT false NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock() NOT NULL, 
    CONSTRAINT pk_ledger_entries PRIMARY KEY (id), 
    CONSTRAINT fk_ledger_entries_task_id_tasks FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE SET NULL, 
    CONSTRAINT fk_ledger_entries_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT ck_ledger_entries_ledgerkind CHECK (kind IN ('HOLD', 'CAPTURE', 'RELEASE', 'CORRECT'))
);

CREATE INDEX ix_ledger_entries_task_id ON ledger_entries (task_id);

CREATE INDEX ix_ledger_entries_user_id_month_id ON ledger_entries (user_id, month, id);

ALTER TABLE jobs ADD COLUMN post_id UUID;

ALTER TABLE jobs ADD COLUMN continues_id UUID;

ALTER TABLE jobs ADD COLUMN series_id UUID;

ALTER TABLE jobs ADD COLUMN preset_key VARCHAR(64);

ALTER TABLE jobs ADD COLUMN reused_post BOOLEAN DEFAULT false NOT NULL;

CREATE INDEX ix_jobs_continues_id ON jobs (continues_id);

CREATE INDEX ix_jobs_post_id ON jobs (post_id);

CREATE INDEX ix_jobs_series_id ON jobs (series_id);

ALTER TABLE jobs ADD CONSTRAINT fk_jobs_post_id_posts FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE SET NULL;

ALTER TABLE jobs ADD CONSTRAINT fk_jobs_continues_id_jobs FOREIGN KEY(continues_id) REFERENCES jobs (id) ON DELETE SET NULL;

ALTER TABLE subjects ADD COLUMN active_adapter_id UUID;

ALTER TABLE subjects ADD COLUMN game_id UUID;

ALTER TABLE subjects ADD COLUMN art_style VARCHAR(200);

ALTER TABLE subjects ADD COLUMN style_modifiers VARCHAR(200)[];

ALTER TABLE subjects ADD COLUMN reference_seed BIGINT;

ALTER TABLE subjects ADD COLUMN reference_seed_fixed BOOLEAN;

ALTER TABLE subjects ADD COLUMN template_key VARCHAR(64);

CREATE INDEX ix_subjects_active_adapter_id ON subjects (active_adapter_id);

CREATE INDEX ix_subjects_game_id ON subjects (game_id);

ALTER TABLE subjects ADD CONSTRAINT fk_subjects_game_id_games FOREIGN KEY(game_id) REFERENCES games (id) ON DELETE SET NULL;

ALTER TABLE subjects ADD CONSTRAINT fk_subjects_active_adapter_id_adapters FOREIGN KEY(active_adapter_id) REFERENCES adapters (id) ON DELETE SET NULL;

ALTER TABLE variants ADD COLUMN post_id UUID;

CREATE INDEX ix_variants_post_id_created_at_id ON variants (post_id, created_at, id);

ALTER TABLE variants ADD CONSTRAINT fk_variants_post_id_posts FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE SET NULL;

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE FUNCTION note_activity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kind text := TG_ARGV[0];
  mine bigint;
BEGIN
  IF TG_TABLE_NAME = 'subjects' THEN
    kind := initcap(NEW.kind);
  END IF;
  INSERT INTO activity_heads AS head (owner_id, sequence) VALUES (NEW.owner_id, 1)
    ON CONFLICT (owner_id) DO UPDATE SET sequence = head.sequence + 1
    RETURNING head.sequence INTO mine;
  INSERT INTO activity_entries (owner_id, sequence, node_type, node_id)
    VALUES (NEW.owner_id, mine, kind, NEW.id);
  RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER activity_made AFTER INSERT ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_activity('Job');

CREATE CONSTRAINT TRIGGER activity_changed AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_activity('Job');

CREATE CONSTRAINT TRIGGER activity_made AFTER INSERT ON variants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_activity('Variant');

CREATE CONSTRAINT TRIGGER activity_changed AFTER UPDATE ON variants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_activity('Variant');

CREATE CONSTRAINT TRIGGER activity_made AFTER INSERT ON posts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_activity('Post');

CREATE CONSTRAINT TRIGGER activity_changed AFTER UPDATE ON posts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_activity('Post');

CREATE CONSTRAINT TRIGGER activity_made AFTER INSERT ON subjects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_activity('Subject');

CREATE CONSTRAINT TRIGGER activity_changed AFTER UPDATE ON subjects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.base_image_status IS DISTINCT FROM NEW.base_image_status) EXECUTE FUNCTION note_activity('Subject');

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

ALTER TABLE posts ADD COLUMN topic_slug VARCHAR(220);

ALTER TABLE posts ADD CONSTRAINT uq_posts_owner_id_topic_slug UNIQUE (owner_id, topic_slug);

ALTER TABLE publications ADD COLUMN job_id UUID;

CREATE INDEX ix_publications_job_id ON publications (job_id);

ALTER TABLE publications ADD CONSTRAINT fk_publications_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE SET NULL;

CREATE INDEX ix_variants_undecided ON variants (finished_at, id) WHERE status = 'DRAFT' AND purpose <> 'BASE_IMAGE' AND NOT keep;

UPDATE alembic_version SET version_num='0004' WHERE alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

CREATE INDEX ix_variants_held ON variants (created_at, id) WHERE status = 'HELD';

UPDATE alembic_version SET version_num='0005' WHERE alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries USING brin (created_at);

CREATE INDEX ix_activity_entries_created_at ON activity_entries USING brin (created_at);

CREATE INDEX ix_tasks_delivered ON tasks (created_at) WHERE kind = 'DELIVER';

UPDATE alembic_version SET version_num='0006' WHERE alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

CREATE INDEX ix_provider_calls_loose ON provider_calls (updated_at) WHERE state NOT IN ('SUCCEEDED', 'FAILED');

UPDATE alembic_version SET version_num='0007' WHERE alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

ALTER TABLE task_progress ADD COLUMN sharp_until TIMESTAMP WITH TIME ZONE;

UPDATE alembic_version SET version_num='0008' WHERE alembic_version.version_num = '0007';

