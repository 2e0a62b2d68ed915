-- What a run may do with a token that it was given: revoke it, and ask about it (RFC 7009, RFC 7662).
--
-- The steps must find rows by index however small the tables were when their plans were made (see append_flush), hence what they set.

-- Whether this run was given the token: it was made for it or, where runs share, released to it. Every other entry about an issuance
-- is of the run that it was made for, so the type of the entry need not be compared: there is an index by type, and it would tempt.
create function was_given(held issuance, holder text) returns boolean
  language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return held.run = holder
    or held.isolation = 'workflow' and exists (select from entry e where e.issuance = held.id and e.run = holder);
end $$;

-- Whether a run that was given the token is active.
create function is_in_use(held issuance) returns boolean
  language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  if run_is_active(held.run) then
    return true;
  end if;
  return held.isolation = 'workflow' and exists (select from holders_of(held) as holder (id) where run_is_active(holder.id));
end $$;

-- Withdraws the token that has this hash from everybody, if `holder` was given it, and takes up the work of revoking it: nobody else
-- does within `again_in` milliseconds. One text may lie in several issuances, where a server gave it twice; revoking it ends them all.
--
-- Gives them as they are now. None: no such token lives. One with `given` false: it lives, but was never given to `holder`, and nothing
-- has changed. Locks in the order that append_entries names.
create function withdraw_given(presented text, holder text, again_in float8)
  returns table (given boolean, id text, run text, workflow text, client text, client_id text, authorization_server text, resource text,
    credential text, cache_key text, revocation text, sealed bytea, token_sha256 text, token_jti text, expires_at timestamptz, attempts int)
  language plpgsql volatile set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  clock constant timestamptz := clock_now();
  alive constant text[] := array(select i.id from issuance i where i.token_sha256 = presented and i.expires_at > clock order by i.id);
  is_given constant boolean := exists (select from issuance i where i.id = any (alive) and was_given(i, holder));
begin
  if is_given then
    perform from issuance i where i.id = any (alive) order by i.id for update;
    perform withdraw_issuances(alive, clock);
    update work set attempts = attempts + 1, due_at = clock + again_in * interval '1 millisecond'
      where kind = 'revoke' and subject = any (alive) and done_at is null and given_up_at is null;
  end if;
  return query
    select is_given, i.id, i.run, i.workflow, i.client, i.client_id, i.authorization_server, i.resource,
      i.credential, i.cache_key, i.revocation, i.sealed, i.token_sha256, i.token_jti, i.expires_at, coalesce(w.attempts, 0)
    from issuance i left join work w on w.kind = 'revoke' and w.subject = i.id
    where i.id = any (alive) order by i.id;
end $$;
