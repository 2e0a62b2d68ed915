import { z } from 'zod';

const starved = z.object({
  error: z.literal('temporarily_unavailable'),
  reasons: z.array(z.object({ code: z.enum(['policy_timeout', 'policy_overloaded']) })).min(1),
});

/** Whether an answer says no more than that no evaluation of the policy had a processor in time: then it is right to ask again. */
export function isOfStarvedPolicy(status: number | undefined, body: unknown): boolean {
  return status === 503 && starved.safeParse(body).success;
}
