-- The one way into the record (DESIGN §7): append_entries, and the steps that it is made of.
--
-- Whoever locks, locks in this order, or flushes, sweeps and changes of facts could wait for each other for ever:
-- the advisory lock 42 (appends share it, a change of facts has it alone), runs by id, counters by key, issuances by id, and the
-- advisory locks 43 of the texts of tokens that come, by hash.
--
-- What is compared is read in a later statement than the one that locks it: a statement's snapshot is older than the locks that
-- it waits for. All of these functions are volatile, so that each of their statements has a snapshot of its own.

-- Holds still what the verdicts rest on: the named runs with their ancestors, the counters, the issuances that change.
create function append_locks(runs text[], effects jsonb) returns void language plpgsql as $$
declare
  keys text[];
begin
  perform 1 from run where id in (select unnest(named.lineage) from run named where named.id = any (runs)) order by id for share;
  if effects is null then
    return;
  end if;

  if effects @? '$[*] ? (exists(@.counters) || @.state == "failed")' then
    select array_agg(distinct counted.key) into keys from (
      select read.key
        from jsonb_to_recordset(effects) as effect (counters jsonb), jsonb_to_recordset(effect.counters) as read (key text)
      union all
      select unnest(issuance.counters)
        from jsonb_to_recordset(effects) as effect (kind text, issuance text, state text)
        join issuance on issuance.id = effect.issuance
        where effect.kind = 'outcome' and effect.state = 'failed'
    ) counted;
    if keys is not null then
      -- a counter that has no row yet could not be locked
      insert into counter (key, version, tokens) select key, 0, 0 from unnest(keys) key order by key on conflict (key) do nothing;
      perform 1 from counter where key = any (keys) order by key for update;
    end if;
  end if;

  if effects @? '$[*] ? (@.kind == "outcome" || @.kind == "revocation" || @.kind == "work")' then
    perform 1 from issuance
      where id in (
        select unnest(array[effect.issuance, effect.shared_with])
          from jsonb_to_recordset(effects) as effect (kind text, issuance text, shared_with text)
          where effect.kind in ('outcome', 'revocation', 'work'))
      order by id for update;
  end if;

  -- of two that bring one text at once, the second sees what the first did
  if effects @? '$[*] ? (exists(@.token_sha256))' then
    perform pg_advisory_xact_lock(43, text_hash) from (
      select distinct hashtext(effect.token_sha256) as text_hash
        from jsonb_to_recordset(effects) as effect (token_sha256 text)
        where effect.token_sha256 is not null
        order by text_hash) texts;
  end if;
end $$;

-- The verdicts as far as they do not depend on the other entries of the flush. Rows are joined by their ids alone and compared
-- above the joins: a condition that an index could answer tempts the planner to that index.
create function append_verdicts(ids text[], epochs text[], runs text[], credentials text[], released text[], clock timestamptz) returns text[]
language plpgsql as $$
declare
  current_epoch text;
begin
  select facts.incarnation || ':' || facts.number into strict current_epoch from facts where facts.only;
  return (
    select array_agg(
      case
        when exists (select from entry where entry.id = e.id) then 'duplicate'
        when e.epoch is not null and e.epoch is distinct from current_epoch then 'stale'
        when e.run is not null and (
          run.credential_id = e.credential and run.ended_at is null and run.expires_at > clock
            and (cardinality(run.lineage) = 1 or not exists (
              select from unnest(run.lineage) as member (id) left join run ancestor on ancestor.id = member.id
                where ancestor.id is null or ancestor.ended_at is not null or ancestor.expires_at <= clock))
        ) is not true then 'run_over'
        when e.released is not null and (
          issuance.state = 'issued' and issuance.revocation is null and issuance.served_until > clock
        ) is not true then 'not_live'
        else 'recorded'
      end order by e.place)
    from unnest(ids, epochs, runs, credentials, released) with ordinality as e (id, epoch, run, credential, released, place)
      left join run on run.id = e.run
      left join issuance on issuance.id = e.released
  );
end $$;

-- An intent opens its issuance, and reserves a unit of each counter that its decision read.
create function append_intent(effect jsonb, clock timestamptz) returns text language plpgsql as $$
declare
  keys text[] := array(select key from jsonb_to_recordset(effect -> 'counters') as read (key text));
begin
  insert into issuance (id, state, run, workflow, client, client_id, authorization_server, resource, scope, credential, cache_key,
      isolation, assertion_jti, counters, instance, opened_at, deadline, exposed_until)
    select intent.issuance, 'open', intent.run, intent.workflow, intent.client, intent.client_id, intent.authorization_server, intent.resource,
        intent.scope, intent.credential, intent.cache_key, intent.isolation, intent.assertion_jti, keys, intent.instance, clock,
        clock + intent.deadline_in * interval '1 millisecond',
        clock + (intent.deadline_in + intent.longest_life) * interval '1 millisecond'
      from jsonb_to_record(effect) as intent (issuance text, run text, workflow text, client text, client_id text,
        authorization_server text, resource text, scope text[], credential text, cache_key text, isolation text, assertion_jti text, instance text,
        deadline_in float8, longest_life float8);
  if keys <> '{}' then
    update counter set tokens = tokens + 1, version = version + 1 where key = any (keys);
  end if;
  return 'recorded';
end $$;

-- Whether the text of a token that came for a run is alive in another issuance: of another isolation domain, also of none (what proved a
-- credential); in one that was taken back, whosever; or, where the server is known to reuse tokens, in any. What was never to be handed
-- out and cannot be revoked is in nobody's hands, and in nobody's way.
create function text_is_held(closed text, presented text, reuses boolean, clock timestamptz) returns boolean language plpgsql as $$
declare
  mine issuance;
begin
  select * into strict mine from issuance i where i.id = closed;
  return exists (
    select from issuance other where other.token_sha256 = presented and other.id <> closed and other.expires_at > clock
      and (other.revocation is distinct from 'unsupported' or other.served_until > other.issued_at)
      and (reuses or other.revocation is not null or other.isolation <> mine.isolation
        or case mine.isolation when 'run' then other.run is distinct from mine.run else other.workflow is distinct from mine.workflow end));
end $$;

-- Whether the text of a token that came may be handed out from another issuance.
create function text_is_in_use(closed text, presented text, clock timestamptz) returns boolean language plpgsql as $$
begin
  return exists (
    select from issuance other where other.token_sha256 = presented and other.id <> closed
      and other.state = 'issued' and other.revocation is null and other.served_until > clock);
end $$;

-- An outcome closes its intent. One that comes after another is late; if it brought a token, that is kept to be revoked. One whose token
-- somebody else holds is told, and changes nothing: its intent is closed by what is made of that. It may then say with which issuance it
-- shares the text, which must be live, and which from then on belongs to all to whom it is released.
--
-- What no run is to have is kept to be revoked: unless another issuance has the text and may hand it out. It is left to that one then,
-- and revoked with it.
create function append_outcome(effect jsonb, clock timestamptz) returns text language plpgsql as $$
declare
  closed constant text := effect ->> 'issuance';
  brought boolean := effect ->> 'token_sha256' is not null;
  before text;
  reserved text[];
  usable boolean;
  withdrawn boolean;
  overdue boolean;
begin
  select state, counters, state = 'open' and run is not null and effect ->> 'state' = 'issued', revocation is not null, deadline <= clock
    into before, reserved, usable, withdrawn, overdue from issuance where id = closed;
  if not found then
    return 'bad';
  end if;
  if brought and usable and text_is_held(closed, effect ->> 'token_sha256', effect ? 'reuses', clock) then
    return 'reused';
  end if;
  if brought and not usable and text_is_in_use(closed, effect ->> 'token_sha256', clock) then
    effect := jsonb_build_object('issuance', closed, 'state', effect -> 'state');
    brought := false;
  end if;
  if before = 'open' and effect ? 'shared_with' then
    update issuance set isolation = 'workflow'
      where id = effect ->> 'shared_with' and state = 'issued' and revocation is null and served_until > clock;
    if not found then
      return 'not_live';
    end if;
  end if;
  if before = 'open' or brought then
    update issuance
      set state = case when before = 'open' then outcome.state else before end, closed_at = coalesce(closed_at, clock),
        token_sha256 = outcome.token_sha256, token_jti = outcome.token_jti, sealed = decode(outcome.sealed, 'base64'),
        granted = outcome.granted, granted_details = outcome.granted_details, audience = outcome.audience, audience_verified = outcome.audience is not null,
        binding = outcome.binding,
        issued_at = to_timestamp(outcome.issued_at / 1000), expires_at = to_timestamp(outcome.expires_at / 1000),
        served_until = to_timestamp(outcome.served_until / 1000)
      from jsonb_to_record(effect) as outcome (state text, token_sha256 text, token_jti text, sealed text, granted text[],
        granted_details text, audience text[], binding text, issued_at float8, expires_at float8, served_until float8)
      where issuance.id = closed and issuance.token_sha256 is null;
  end if;
  if before = 'open' and effect ->> 'state' = 'failed' then
    update counter set tokens = tokens - 1, version = version + 1 where key = any (reserved);
  end if;
  if before = 'open' and overdue then
    delete from work where kind = 'close_intent' and subject = closed;
  end if;
  if brought and (before <> 'open' or effect ->> 'state' <> 'issued') then
    update issuance set revocation = 'pending' where id = closed and (revocation is null or revocation = 'pending');
    if found then
      insert into work (id, kind, subject, due_at) values ('wrk' || replace(gen_random_uuid()::text, '-', ''), 'revoke', closed, clock)
        on conflict (kind, subject) do update set done_at = null, due_at = excluded.due_at where work.done_at is not null;
    end if;
  elsif withdrawn and before = 'open' and not brought then
    -- withdrawn while it was asked for, and no text came that could be revoked
    update work set done_at = clock where kind = 'revoke' and subject = closed and done_at is null;
  end if;
  return case when before = 'open' then 'recorded' else 'late' end;
end $$;

-- What came of revoking a token. Where it is confirmed, the text is needed no more.
create function append_revocation(effect jsonb, clock timestamptz) returns text language plpgsql as $$
declare
  revoked constant text := effect ->> 'issuance';
  outcome constant text := effect ->> 'state';
  before text;
begin
  select coalesce(revocation, 'none') into before from issuance where id = revoked;
  if not found then
    return 'bad';
  end if;
  if before in ('revoked', outcome) then
    return 'late';
  end if;
  update issuance set revocation = outcome, sealed = case when outcome = 'revoked' then null else sealed end where id = revoked;
  update work set done_at = clock where kind = 'revoke' and subject = revoked and done_at is null;
  return 'recorded';
end $$;

-- A piece of work that nobody tries any more, or that is tried anew, with its whole time before it. Of a revocation, the issuance says the
-- same. Late is what was done, given up or taken up again before.
create function append_work(effect jsonb, clock timestamptz) returns text language plpgsql as $$
declare
  named constant text := effect ->> 'work';
  gives_up constant boolean := effect ->> 'state' = 'given_up';
begin
  if named like 'rot%' then
    update rotation set given_up_at = case when gives_up then clock end,
        attempts = case when gives_up then attempts else 0 end, due_at = case when gives_up then due_at else clock end
      where id = named and ended_at is null and not (gives_up and given_up_at is not null);
  else
    update work set given_up_at = case when gives_up then clock end,
        attempts = case when gives_up then attempts else 0 end, due_at = case when gives_up then due_at else clock end
      where id = named and done_at is null and not (gives_up and given_up_at is not null);
  end if;
  if not found then
    return 'late';
  end if;
  if effect ? 'issuance' then
    update issuance set revocation = case when gives_up then 'given_up' else 'pending' end
      where id = effect ->> 'issuance' and revocation in ('pending', 'given_up');
  end if;
  return 'recorded';
end $$;

-- A release whose issuance is touched by an earlier entry of the flush.
create function append_release(effect jsonb, clock timestamptz) returns text language plpgsql as $$
declare
  live boolean;
begin
  select state = 'issued' and revocation is null and served_until > clock into live from issuance where id = effect ->> 'issuance';
  return case when live then 'recorded' else 'not_live' end;
end $$;

-- What entries do, one after the other, so that each sees what those before it did.
create function append_effects(effects jsonb, verdicts text[], clock timestamptz) returns text[] language plpgsql as $$
declare
  effect jsonb;
  place int;
begin
  for effect in select value from jsonb_array_elements(effects) loop
    place := effect -> 'place';
    continue when verdicts[place] <> 'recorded';
    if effect ? 'counters' then
      perform 1 from jsonb_to_recordset(effect -> 'counters') as read (key text, version bigint)
        left join counter on counter.key = read.key
        where coalesce(counter.version, 0) <> read.version;
      if found then
        verdicts[place] := 'counters_moved';
        continue;
      end if;
    end if;
    case effect ->> 'kind'
      when 'intent' then verdicts[place] := append_intent(effect, clock);
      when 'outcome' then verdicts[place] := append_outcome(effect, clock);
      when 'revocation' then verdicts[place] := append_revocation(effect, clock);
      when 'work' then verdicts[place] := append_work(effect, clock);
      when 'release' then verdicts[place] := append_release(effect, clock);
      when 'none' then null;
    end case;
  end loop;
  return verdicts;
end $$;

-- All that a flush does, between its two commits.
--
-- Rows must be found by index however small the tables were when the plans were made: a connection keeps a plan for days, and
-- nothing analyses the tables of the embedded database. Hence what is set here, for the steps too.
create function append_flush(
  ids text[], types text[], runs text[], workflows text[], clients text[], resources text[], owners text[], issuances text[],
  decisions text[], token_sha256s text[], token_jtis text[], texts text[], epochs text[], active_runs text[], credentials text[],
  released text[], effects jsonb, inputs jsonb, out verdicts text, out at float8)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  clock timestamptz;
  given text[];
begin
  perform pg_advisory_xact_lock_shared(42);
  perform append_locks(active_runs, effects);
  clock := date_trunc('milliseconds', clock_timestamp());
  given := append_verdicts(ids, epochs, active_runs, credentials, released, clock);
  if effects is not null then
    given := append_effects(effects, given, clock);
  end if;
  if inputs is not null then
    insert into decision_input (sha256, sealed, stored_at)
      select distinct on (input.sha256) input.sha256, decode(input.sealed, 'base64'), clock
        from jsonb_to_recordset(inputs) as input (place int, sha256 text, sealed text)
        where given[input.place] = 'recorded'
        order by input.sha256
      on conflict (sha256) do nothing;
  end if;
  insert into entry (id, type, recorded_at, run, workflow, client, resource, owner, issuance, decision, token_sha256, token_jti, bytes)
    select e.id, e.type, clock, e.run, e.workflow, e.client, e.resource, e.owner, e.issuance, e.decision, e.token_sha256, e.token_jti,
        convert_to(e.text, 'UTF8')
      from unnest(given, ids, types, runs, workflows, clients, resources, owners, issuances, decisions, token_sha256s, token_jtis, texts)
        with ordinality as e (verdict, id, type, run, workflow, client, resource, owner, issuance, decision, token_sha256, token_jti, text, place)
      where e.verdict = 'recorded'
      order by e.place;
  verdicts := array_to_string(given, ',');
  at := extract(epoch from clock) * 1000;
end $$;

-- A list of texts, as append_entries takes it.
create function append_list(joined text) returns text[] language sql immutable
as $$ select string_to_array(joined, e'\x1f', '') $$;

-- One flush, called on its own. What all entries have of a kind comes as one text, joined by U+001F, which neither canonical JSON
-- nor a column holds; an empty one is null. That form is the cheapest for both drivers and for the server.
--
--   texts         the canonical bytes of the entries
--   epochs        the epoch that the entry rests on and that must be the current one
--   active_runs   the run that must be active, and in `credentials` what it used
--   released      the issuance that must be live
--   effects       null, or a JSON array of what entries do besides, each with the `place` of its entry (from 1): intents, outcomes,
--                 revocations, changes of work, releases of an issuance that an earlier entry of the flush touches, and any that read counters
--   inputs        null, or a JSON array of the decision inputs, with `place`
--
-- Gives the verdicts, joined by commas, and the clock in milliseconds since 1970. A flush that is refused has done nothing.
create procedure append_entries(
  ids text, types text, runs text, workflows text, clients text, resources text, owners text, issuances text, decisions text,
  token_sha256s text, token_jtis text, texts text, epochs text, active_runs text, credentials text, released text,
  effects jsonb, inputs jsonb, out verdicts text, out at float8)
language plpgsql as $$
begin
  -- Inside a client's transaction this raises (2D000): there, the client could hold the locks for as long as it pleased.
  commit;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_entries runs at READ COMMITTED only' using errcode = 'invalid_transaction_state';
  end if;
  set local plan_cache_mode = force_generic_plan;
  select flush.verdicts, flush.at into append_entries.verdicts, append_entries.at
    from append_flush(append_list(ids), append_list(types), append_list(runs), append_list(workflows), append_list(clients),
      append_list(resources), append_list(owners), append_list(issuances), append_list(decisions), append_list(token_sha256s),
      append_list(token_jtis), append_list(texts), append_list(epochs), append_list(active_runs), append_list(credentials),
      append_list(released), effects, inputs) as flush;
  -- A client that is frozen before it ends the exchange must not keep the locks either.
  commit;
end $$;
