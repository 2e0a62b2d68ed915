-- Changing a fact, and what else is written beside the log: runs that begin and end (DESIGN §7).
--
-- The procedures at the end are called on their own, like append_entries: each begins with COMMIT, which raises 2D000 inside a
-- client's transaction, and ends with COMMIT or ROLLBACK, so that a client that is frozen before it ends the exchange keeps no lock. What they
-- compare is read by later statements than those that take the locks: a statement's snapshot is older than what it waits for.
--
-- Locks are taken in the order that append_entries names: the advisory lock of the facts (42), runs, issuances by id.
-- The steps must find rows by index however small the tables were when their plans were made (see there), hence what they set.

-- Tokens that may still work are few; all that ever were are many, and those that were revoked while they lived can be.
create index issuance_live_idx on issuance (expires_at) where state in ('issued', 'refused') and revocation is distinct from 'revoked';

-- What is left to be withdrawn is looked for again and again.
create index suspension_unfinished_idx on suspension (id) where unfinished;

-- The database's clock, as its columns keep it.
create function clock_now() returns timestamptz language sql volatile
as $$ select date_trunc('milliseconds', clock_timestamp()) $$;

-- Entries from json, their bytes in base64.
create function insert_entries(entries jsonb, at timestamptz) returns void language sql volatile as $$
  insert into entry (id, type, recorded_at, run, workflow, client, resource, owner, issuance, decision, token_sha256, token_jti, bytes)
  select e.id, e.type, at, e.run, e.workflow, e.client, e.resource, e.owner, e.issuance, e.decision, e.token_sha256, e.token_jti,
         decode(e.bytes, 'base64')
  from rows from (jsonb_to_recordset(entries) as (id text, type text, bytes text, run text, workflow text, client text, resource text,
         owner text, issuance text, decision text, token_sha256 text, token_jti text)) with ordinality as e
  order by e.ordinality
$$;

-- Whether neither the run nor an ancestor has ended or expired.
create function run_is_active(candidate text) returns boolean
  language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return exists (select from run where id = candidate) and not exists (
    select from run r cross join unnest(r.lineage) as member (id) left join run m on m.id = member.id
      where r.id = candidate and (m.id is null or m.ended_at is not null or m.expires_at <= clock_timestamp()));
end $$;

-- The runs that hold an issuance: the one that it was made for, and those that it was released to.
create function holders_of(held issuance) returns setof text
  language plpgsql stable set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
begin
  return next held.run;
  if held.isolation = 'workflow' then
    return query
      with of_issuance as materialized (select e.run, e.type from entry e where e.issuance = held.id) -- see issuances_held
      select distinct o.run from of_issuance o where o.type = 'token.released' and o.run <> held.run;
  end if;
end $$;

-- The issuances that a run and its descendants hold. Entries are read by run first and then sifted: with outdated statistics the
-- planner would take the index by type, and walk through every release there ever was.
create function issuances_held(holder text) returns setof issuance
  language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  family constant text[] := array(select id from run where lineage @> array[holder]);
begin
  return query
    with of_family as materialized (select e.issuance, e.type from entry e where e.run = any (family))
    select i.* from issuance i where i.id in (
      select own.id from issuance own where own.run = any (family)
      union
      select o.issuance from of_family o where o.type = 'token.released');
end $$;

-- What else the catalogue in force brings under a suspension: of an owner, the workflows that it has; of a client, those that reach
-- these resources through it; of an authorization server, the resources that trust it.
create function covered_by_catalogue(kind text, target text, out workflows text[], out resources text[])
  language sql stable as $$
  select
    array(select w.key from jsonb_each(c.catalogue -> 'workflows') as w (key, value) where kind = 'owner' and w.value ->> 'owner' = target
      union all
      select w from jsonb_array_elements_text(c.catalogue #> array['clients', target, 'workflows']) w where kind = 'client'),
    array(select r.key from jsonb_each(c.catalogue -> 'resources') as r (key, value)
        where kind = 'authorization_server' and r.value ->> 'authorizationServer' = target
      union all
      select r from jsonb_array_elements_text(c.catalogue #> array['clients', target, 'resources']) r where kind = 'client')
    from (select (select r.catalogue from catalogue_revision r where r.active) as catalogue) c
$$;

-- Whether a run itself, whatever its ancestors, is what a suspension names. `workflows` are those of the owner or client that it names.
create function run_is_named(named run, kind text, target text, workflows text[]) returns boolean language sql immutable as $$
  select case kind
    when 'everything' then true
    when 'run' then named.id = target
    when 'agent' then named.agent ->> 'name' = target
    when 'workflow' then named.workflow = target
    when 'owner' then named.workflow = any (workflows)
    when 'client' then named.workflow = any (workflows)
    when 'operator' then named.operator = target
    when 'purpose' then named.purpose = target
    when 'runtime' then named.runtime = target
    else false end
$$;

-- How many runs that are neither over nor of an ancestor that is a suspension covers.
create function active_runs_covered(kind text, target text) returns int
  language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  clock constant timestamptz := clock_timestamp(); -- a volatile function is no condition for an index
  reached constant record := covered_by_catalogue(kind, target);
begin
  return (
    select count(*) from run r where r.ended_at is null and r.expires_at > clock
      and (select bool_or(coalesce(run_is_named(member, kind, target, reached.workflows), false)) and bool_and(member.ended_at is null)
        from run member where member.id = any (r.lineage)));
end $$;

-- The issuances that a suspension covers and whose tokens may still work, whether they may still be released or not. A suspension that
-- names runs covers whatever one of them or a descendant of one holds, shared or not; one of a client or an authorization server what
-- came through it, and what the guardrail keeps from its holders because of it (see covers in src/suspensions/stops.ts): a run is
-- decided as its ancestors are, so also what it holds where an ancestor would go through the client.
create function issuances_covered(kind text, target text) returns setof issuance
  language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  clock constant timestamptz := clock_timestamp(); -- a volatile function is no condition for an index
  reached constant record := covered_by_catalogue(kind, target);
begin
  if kind = 'run' then
    return query select * from issuances_held(target) i
      where i.revocation is distinct from 'revoked'
        and (i.state in ('issued', 'refused') and i.expires_at > clock or i.state in ('open', 'unknown') and i.exposed_until > clock);
    return;
  end if;
  return query
    with alive as (
      select * from issuance where state in ('issued', 'refused') and revocation is distinct from 'revoked' and expires_at > clock
      union all
      select * from issuance where state in ('open', 'unknown') and revocation is distinct from 'revoked' and exposed_until > clock
    )
    select i.* from alive i where case
      when kind = 'everything' then true
      when kind = 'resource' then i.resource = target
      when kind = 'authorization_server' then i.authorization_server = target or i.resource = any (reached.resources)
      when kind = 'client' and i.client = target then true
      when kind = 'client' and i.resource = any (reached.resources) is not true then false
      else exists (
        select from (
          select i.run
          union all
          -- as holders_of says, which would be called for each of very many
          select o.run from (select e.run, e.type from entry e where e.issuance = i.id offset 0) o
            where i.isolation = 'workflow' and o.type = 'token.released'
        ) holder join run r on r.id = holder.run join run member on member.id = any (r.lineage)
          where run_is_named(member, kind, target, reached.workflows))
      end;
end $$;

-- Withdraws those of the given issuances that may be released, now or when their token comes, and leaves the work of revoking them.
-- The caller has locked them.
create function withdraw_issuances(ids text[], at timestamptz) returns text[] language sql volatile as $$
  with withdrawn as (
    update issuance set revocation = 'pending'
    where id = any (ids) and revocation is null and (state = 'open' or state = 'issued' and expires_at > at)
    returning id
  ), left_to_do as (
    insert into work (id, kind, subject, due_at)
    select 'wrk' || replace(gen_random_uuid()::text, '-', ''), 'revoke', w.id, at from withdrawn w
    on conflict (kind, subject) do nothing
  )
  select coalesce(array_agg(id order by id), '{}') from withdrawn
$$;

-- Notes what a suspension found exposed and withdraws it, so many at most, so that a stop never takes too long to be made: until there
-- were fewer, the suspension is unfinished, and withdraw_more goes on with it. What may still be released comes first; the suspension
-- itself keeps the rest from being released. One past its expiry covers nothing that began later. The caller has locked the suspension.
create function withdraw_covered(raised text, kind text, target text, at_most int, at timestamptz) returns text[] language plpgsql volatile as $$
declare
  ends constant timestamptz := (select s.expires_at from suspension s where s.id = raised);
  covered text[];
  releasable text[];
begin
  select array_agg(c.id order by c.id), array_agg(c.id order by c.id) filter (where c.releasable) into covered, releasable
    from (
      select c.id, c.revocation is null and c.state in ('open', 'issued') as releasable from issuances_covered(kind, target) c
      -- looked up one by one: a join would be planned for the few rows that the table had once
      where (select e.issuance from suspension_exposure e where e.suspension = raised and e.issuance = c.id) is null
        and (ends is null or c.opened_at < ends)
      order by releasable desc, c.id limit at_most
    ) c;
  perform from issuance where id = any (releasable) order by id for update;
  insert into suspension_exposure (suspension, issuance) select raised, unnest(covered);
  update suspension set unfinished = not unfinished where id = raised and unfinished <> (coalesce(cardinality(covered), 0) = at_most);
  return withdraw_issuances(releasable, at);
end $$;

-- Goes on with a suspension that is unfinished, the one that is given or the first there is. more: whether to call it again.
create function withdraw_more(of_suspension text, at_most int, out withdrawn text[], out more boolean)
  language plpgsql volatile set enable_seqscan = off
as $$
declare
  raised suspension%rowtype;
begin
  select * into raised from suspension s where s.unfinished and s.id = coalesce(of_suspension, s.id) order by s.id limit 1 for update;
  if found then
    withdrawn := withdraw_covered(raised.id, raised.kind, raised.target, at_most, clock_now());
  end if;
  withdrawn := coalesce(withdrawn, '{}');
  more := exists (select from suspension s where s.unfinished and s.id = coalesce(of_suspension, s.id));
end $$;

-- What a new catalogue brings under a suspension that was raised before.
create function withdraw_newly_covered(at_most int, at timestamptz) returns text[] language plpgsql volatile as $$
declare
  raised suspension%rowtype;
  withdrawn text[] := '{}';
begin
  -- all of them before any issuance, as withdraw_more locks its one
  perform from suspension s where s.kind in ('owner', 'client', 'authorization_server') and s.lifted_at is null order by s.id for update;
  for raised in select * from suspension s
    where s.kind in ('owner', 'client', 'authorization_server') and s.lifted_at is null and (s.expires_at is null or s.expires_at > at) order by s.id loop
    withdrawn := withdrawn || withdraw_covered(raised.id, raised.kind, raised.target, at_most, at);
  end loop;
  return withdrawn;
end $$;

-- Takes versions out of use for good, and their secrets with it.
create function retire_credentials(ids text[], at timestamptz) returns void language plpgsql volatile as $$
declare
  found_in_use int;
begin
  update credential set state = 'retired', sealed = null, retired_at = at where id = any (ids) and retired_at is null;
  get diagnostics found_in_use = row_count;
  if found_in_use <> cardinality(ids) then
    raise exception 'a credential that is to be retired is not in use';
  end if;
end $$;

-- A version that is sealed already. Bound as the one that it replaces, if any, so that a rotation leads nowhere else.
create function insert_credential(sealed_version jsonb, in_state text, origin text, at timestamptz) returns void language sql volatile as $$
  insert into credential (id, client, method, issuer, token_endpoint_origin, public_key, sealed, keyed_digest, state, created_at)
    select c.id, c.client, c.method, c.issuer, origin, c.public_key, decode(c.sealed, 'base64'), c.keyed_digest, in_state, at
    from jsonb_to_record(sealed_version)
      as c (id text, client text, method text, issuer text, public_key jsonb, sealed text, keyed_digest text)
$$;

-- Versions of credentials that come into use and go out of it: {created: [...], retired: [id, ...]}. A rotation of one that goes ends.
create function change_credentials(change jsonb, at timestamptz) returns void language plpgsql volatile as $$
declare
  retired text[] := array(select jsonb_array_elements_text(change -> 'retired'));
begin
  perform retire_credentials(retired, at);
  update rotation set state = 'superseded', ended_at = at
    where ended_at is null and (credential = any (retired) or replaces = any (retired));
  perform insert_credential(c.value, 'current', null, at) from jsonb_array_elements(change -> 'created') c;
end $$;

-- One step of a rotation (docs/rotation.md): the new version is `next` until it has proven itself, and then the old one `former`
-- until it is retired. `change` names the rotation; durations are in milliseconds.
create function change_rotation(change jsonb, at timestamptz) returns void language plpgsql volatile as $$
declare
  step constant text := change ->> 'kind';
  proof_ends constant timestamptz := at + (change ->> 'proof_in')::float8 * interval '1 millisecond';
  old credential%rowtype;
  known rotation%rowtype;
begin
  if step = 'rotation.begun' then
    select * into old from credential where id = change ->> 'replaces' and state = 'current';
    if not found then raise exception 'the credential that is to be replaced is not in use'; end if;
    -- one that has not been proven yet gives way
    update rotation set state = 'superseded', ended_at = at
      where client = old.client and ended_at is null and state <> 'overlap' returning * into known;
    if found then perform retire_credentials(array[known.credential], at); end if;
    perform insert_credential(change -> 'credential', 'next', old.token_endpoint_origin, at);
    insert into rotation (id, client, credential, replaces, state, begun_by, begun_at, due_at, deadline)
      values (change ->> 'id', old.client, change -> 'credential' ->> 'id', old.id,
              case when proof_ends is null then 'registering' else 'proving' end, change ->> 'begun_by', at, at, proof_ends);
    return;
  end if;
  select * into known from rotation where id = change ->> 'id' and ended_at is null and state = any (case step
    when 'rotation.registered' then '{registering}'
    when 'rotation.shifted' then '{proving}'
    when 'rotation.finished' then '{overlap}'
    when 'rotation.failed' then '{registering,proving,overlap}' end :: text[]);
  if not found then raise exception 'there is no such rotation that this step could be taken of'; end if;
  case step
    when 'rotation.registered' then
      update rotation set state = 'proving', due_at = at, deadline = proof_ends where id = known.id;
    when 'rotation.shifted' then
      update credential set state = 'former' where id = known.replaces;
      update credential set state = 'current' where id = known.credential;
      update rotation set state = 'overlap', attempts = 0, fault = null, deadline = null, given_up_at = null,
        due_at = at + (change ->> 'overlap')::float8 * interval '1 millisecond' where id = known.id;
    when 'rotation.finished' then
      perform retire_credentials(array[known.replaces], at);
      update rotation set state = 'done', ended_at = at where id = known.id;
    when 'rotation.failed' then
      perform retire_credentials(array[known.credential], at);
      update credential set state = 'current' where id = known.replaces;
      update rotation set state = change ->> 'state', fault = coalesce(change ->> 'fault', fault), ended_at = at where id = known.id;
  end case;
end $$;

-- The change itself. Returns the issuances that it withdrew.
create function enact_change(change jsonb, at timestamptz) returns text[] language plpgsql volatile as $$
declare
  at_most constant int := (change ->> 'at_most')::int; -- of what a suspension covers
begin
  case change ->> 'kind'
    when 'suspension.raised' then
      insert into suspension (id, kind, target, reason, raised_by, raised_at, epoch, expires_at)
        select change ->> 'id', change ->> 'suspends', change ->> 'target', change ->> 'reason', change ->> 'raised_by', at,
               f.incarnation || ':' || f.number, (change ->> 'expires_at')::timestamptz
        from facts f where f.only;
      return withdraw_covered(change ->> 'id', change ->> 'suspends', change ->> 'target', at_most, at);
    when 'suspension.lifted' then
      update suspension set lifted_at = at, lifted_by = change ->> 'lifted_by'
        where id = change ->> 'id' and lifted_at is null and not unfinished; -- what it covered must not be released again
      if not found then raise exception 'there is no such suspension in force that has withdrawn all that it covers'; end if;
    when 'catalogue.changed' then
      update catalogue_revision set active = false where active;
      insert into catalogue_revision (id, sha256, catalogue, source, applied_by, applied_at, active)
        values (change ->> 'id', change ->> 'sha256', change -> 'catalogue', change ->> 'source', change ->> 'applied_by', at, true);
      perform change_credentials(change -> 'credentials', at);
      return withdraw_newly_covered(at_most, at);
    when 'credential.changed' then
      perform change_credentials(change -> 'credentials', at);
    when 'rotation.begun', 'rotation.registered', 'rotation.shifted', 'rotation.finished', 'rotation.failed' then
      perform change_rotation(change, at);
    when 'policy.activated' then
      update policy_revision set active = false where active;
      insert into policy_revision (digest, source, activated_by, activated_at, active)
        values (change ->> 'digest', change -> 'source', change ->> 'activated_by', at, true)
        on conflict (digest) do update
          set activated_by = excluded.activated_by, activated_at = excluded.activated_at, active = true;
    when 'key.created' then
      insert into api_key (id, name, roles, runtime, resource, sha256, created_at)
        values (change ->> 'id', change ->> 'name', array(select jsonb_array_elements_text(change -> 'roles')), change ->> 'runtime',
                change ->> 'resource', change ->> 'sha256', at);
    when 'key.revoked' then
      update api_key set revoked_at = at where id = change ->> 'id' and revoked_at is null;
      if not found then raise exception 'there is no such key in force'; end if;
    when 'metadata.pinned', 'metadata.changed', 'metadata.approved' then
      insert into server_metadata as known
          (authorization_server, issuer, location, document, digest, pinned_at, approved_by, read_at, tried_at)
        values (change ->> 'authorization_server', change ->> 'issuer', change ->> 'location', change -> 'document', change ->> 'digest',
                at, change ->> 'approved_by', at, at)
        on conflict (authorization_server, issuer) do update
          set location = excluded.location, document = excluded.document, digest = excluded.digest, pinned_at = at,
              approved_by = excluded.approved_by;
      -- what is in use is offered no more; what was offered meanwhile still waits
      update server_metadata set offered = null, offered_location = null, offered_digest = null, offered_since = null
        where authorization_server = change ->> 'authorization_server' and issuer = change ->> 'issuer'
          and offered_digest = change ->> 'digest';
  end case; -- an unknown kind raises
  return '{}';
end $$;

-- What a change that was made is answered with: whether there may be more that a suspension covers.
create function verdict_of(change jsonb) returns text
  language plpgsql stable set enable_seqscan = off
as $$
begin
  return case
    when change ->> 'kind' = 'suspension.raised' and (select s.unfinished from suspension s where s.id = change ->> 'id') then 'unfinished'
    else 'applied' end;
end $$;

-- What change_facts does while it has the lock alone.
create function change_facts_alone(
  change jsonb, expected_incarnation text, expected_number bigint, entries jsonb,
  out verdict text, out at timestamptz, out withdrawn text[])
  language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  known facts%rowtype;
begin
  withdrawn := '{}';
  -- our own change, whose answer was lost
  select e.recorded_at into at from entry e where e.id = entries -> 0 ->> 'id';
  if found then
    verdict := verdict_of(change);
    return;
  end if;
  select * into strict known from facts where facts.only;
  if known.incarnation <> expected_incarnation or known.number <> expected_number then
    verdict := 'stale';
    return;
  end if;
  at := clock_now();
  update facts set number = known.number + 1 where facts.only;
  notify corridor_facts; -- replicas look sooner; nothing rests on it
  withdrawn := enact_change(change, at);
  perform insert_entries(entries, at);
  verdict := verdict_of(change);
end $$;

-- What start_run does while facts cannot change.
create function start_run_unchanged(
  given jsonb, expected_incarnation text, expected_number bigint, entries jsonb,
  out verdict text, out run_id text, out started timestamptz, out expires timestamptz)
  language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  new_id constant text := given ->> 'id';
  ancestors constant text[] := array(select jsonb_array_elements_text(given -> 'ancestors'));
  key constant text := given ->> 'idempotency_key';
  of_platform constant text := given ->> 'platform_run';
  assertion constant text := given #>> '{assertion,sha256}';
  holder constant text := given #>> '{assertion,holder}';
  earlier run%rowtype;
  family record;
begin
  loop
    -- our own run, whose answer was lost
    select r.id, r.started_at, r.expires_at into run_id, started, expires from run r where r.id = new_id;
    if found then
      verdict := 'started';
      return;
    end if;
    if not exists (select from facts f where f.only and f.incarnation = expected_incarnation and f.number = expected_number) then
      verdict := 'stale';
      return;
    end if;
    if assertion is not null then
      insert into assertion_seen (sha256, expires_at, bound_to)
        values (assertion, (given #>> '{assertion,expires_at}')::timestamptz, holder) on conflict do nothing;
      -- its holder may use it again: a run for good, and who repeats a start for as long as a key is taken
      if not found and not exists (select from assertion_seen a where a.sha256 = assertion and a.bound_to = holder
          and (given #>> '{assertion,for_good}' = 'true' or a.seen_at > clock_timestamp() - interval '10 minutes')) then
        verdict := 'spent';
        return;
      end if;
    end if;
    earlier := null;
    if of_platform is not null then
      -- one run for ever, and the same for whoever attests the same
      select * into earlier from run r where r.platform_run = of_platform for update;
      if found then
        verdict := case
          when not run_is_active(earlier.id) then 'over'
          when (earlier.workflow, earlier.purpose, earlier.operator, earlier.agent, earlier.lineage, earlier.attested,
                earlier.credential ->> 'method' = 'workload')
            is distinct from (given ->> 'workflow', given ->> 'purpose', given ->> 'operator', given -> 'agent',
                array[earlier.id] || ancestors, given -> 'attested', given -> 'credential' ->> 'method' = 'workload') then 'conflict'
          else 'repeated' end;
        if verdict = 'repeated' then
          update run set credential = given -> 'credential', credential_id = given ->> 'credential_id'
            where id = earlier.id and credential_id <> given ->> 'credential_id';
          run_id := earlier.id;
          started := earlier.started_at;
          expires := earlier.expires_at;
        end if;
        return;
      end if;
    end if;
    if key is not null then
      select * into earlier from run r where r.idempotency_key = key for update;
      if found and earlier.started_at > clock_timestamp() - interval '10 minutes' then
        verdict := case
          when earlier.idempotency_body is distinct from given ->> 'idempotency_body' then 'conflict'
          when not run_is_active(earlier.id) then 'over'
          else 'repeated' end;
        if verdict = 'repeated' then
          update run set credential = given -> 'credential', credential_id = given ->> 'credential_id' where id = earlier.id;
          run_id := earlier.id;
          started := earlier.started_at;
          expires := earlier.expires_at;
        end if;
        return;
      end if;
    end if;

    perform from run r where r.id = any (ancestors) order by r.id for share;
    select count(*) as known, coalesce(bool_and(r.ended_at is null and r.expires_at > clock_timestamp()), true) as active,
           min(r.expires_at) as end_of_first
      into family from run r where r.id = any (ancestors);
    if family.known <> cardinality(ancestors) or not family.active then
      verdict := 'parent_over';
      return;
    end if;

    -- a key is taken for 10 minutes, then free again
    update run set idempotency_key = null, idempotency_body = null where id = earlier.id;
    run_id := new_id;
    started := clock_now();
    expires := least(started + make_interval(secs => (given ->> 'ttl')::int), family.end_of_first);
    insert into run (id, runtime, workflow, purpose, operator, agent, lineage, credential, credential_id, started_at, expires_at,
                     idempotency_key, idempotency_body, platform_run, attested)
      values (new_id, given ->> 'runtime', given ->> 'workflow', given ->> 'purpose', given ->> 'operator', given -> 'agent',
              array[new_id] || ancestors, given -> 'credential', given ->> 'credential_id', started, expires,
              key, given ->> 'idempotency_body', of_platform, nullif(given -> 'attested', 'null'))
      on conflict do nothing;
    exit when found;
    -- another start with this key, of this platform's run or of this very run was first: what it says holds
  end loop;
  perform insert_entries(entries, started);
  verdict := 'started';
end $$;

-- What end_run does.
create function end_run_once(ending text, entries jsonb, out verdict text, out ended timestamptz, out withdrawn text[])
  language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  held text[];
begin
  perform from run r where r.id = ending for update; -- waits for the appends that hold it
  if not found then
    verdict := 'unknown';
    return;
  end if;
  select r.ended_at into ended from run r where r.id = ending;
  if ended is not null then
    verdict := 'already';
    return;
  end if;
  ended := clock_now();
  update run set ended_at = ended where id = ending;
  -- Its descendants are over with it. That each of them is ended, with an entry of its own, is left to be done, and for those beyond
  -- so many to their deadlines. By id, as other ends do: who leaves the same to be done must not wait crosswise.
  insert into work (id, kind, subject, due_at)
    select 'wrk' || replace(gen_random_uuid()::text, '-', ''), 'end_run', r.id, ended
    from run r where r.lineage @> array[ending] and r.ended_at is null and r.expires_at > ended
    order by r.id limit 10000
    on conflict (kind, subject) do nothing;

  held := array(select i.id from issuances_held(ending) i);
  perform from issuance i where i.id = any (held) order by i.id for update;
  -- in a statement of its own, after the locks: of two holders that end at once, the second sees that the first is over
  held := array(select i.id from issuance i where i.id = any (held)
    and (i.isolation = 'run' or not exists (select from holders_of(i) as holder (id) where run_is_active(holder.id))));
  withdrawn := withdraw_issuances(held, ended);
  perform insert_entries(entries, ended);
  verdict := 'ended';
end $$;

-- A run that is over is not to be ended any more.
create function forget_end(over text) returns void
  language plpgsql volatile set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  delete from work where kind = 'end_run' and subject = over;
end $$;

create function require_read_committed() returns void language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'facts and runs are changed at READ COMMITTED only' using errcode = 'invalid_transaction_state';
  end if;
end $$;

-- verdict: applied | unfinished | stale | locked.
create procedure change_facts(
  change jsonb, expected_incarnation text, expected_number bigint, entries jsonb,
  out verdict text, out at timestamptz, out withdrawn text[])
  language plpgsql
as $$
begin
  commit;
  perform require_read_committed();
  if jsonb_array_length(entries) = 0 then
    raise exception 'a change of facts without an entry';
  end if;
  perform set_config('lock_timeout', '5s', true);
  begin
    perform pg_advisory_xact_lock(42); -- waits for every append that runs
  exception when lock_not_available then
    verdict := 'locked';
    return;
  end;
  select c.verdict, c.at, c.withdrawn into verdict, at, withdrawn
    from change_facts_alone(change, expected_incarnation, expected_number, entries) c;
  commit;
end $$;

-- An operator acknowledges that the database has lost what was seen of it, under these incarnations: a new one begins.
create procedure start_incarnation(fresh text, lost text[], entries jsonb, out at timestamptz) language plpgsql as $$
begin
  commit;
  perform require_read_committed();
  perform pg_advisory_xact_lock(42);
  at := clock_now();
  insert into facts (incarnation, number) values (fresh, 0) on conflict do nothing;
  update facts set earlier = earlier || incarnation || lost, incarnation = fresh, number = 1;
  perform insert_entries(entries, at);
  commit;
end $$;

-- verdict: started | repeated | conflict | over | parent_over | spent | stale.
create procedure start_run(
  given jsonb, expected_incarnation text, expected_number bigint, entries jsonb,
  out verdict text, out run_id text, out started timestamptz, out expires timestamptz)
  language plpgsql
as $$
begin
  commit;
  perform require_read_committed();
  perform set_config('lock_timeout', '5s', true);
  perform pg_advisory_xact_lock_shared(42); -- until this has committed, no fact changes
  select s.verdict, s.run_id, s.started, s.expires into verdict, run_id, started, expires
    from start_run_unchanged(given, expected_incarnation, expected_number, entries) s;
  if verdict in ('started', 'repeated') then
    commit;
  else
    rollback; -- an assertion that started nothing was not used
  end if;
end $$;

-- verdict: ended | already | unknown.
create procedure end_run(ending text, entries jsonb, out verdict text, out ended timestamptz, out withdrawn text[])
  language plpgsql
as $$
begin
  commit;
  perform require_read_committed();
  perform set_config('lock_timeout', '5s', true);
  select e.verdict, e.ended, e.withdrawn into verdict, ended, withdrawn from end_run_once(ending, entries) e;
  commit;
  perform forget_end(ending); -- by itself, so that it waits for nobody
  commit;
end $$;
