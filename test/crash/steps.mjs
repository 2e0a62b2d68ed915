/**
 * Where a Corridor can die between intent and response, in the order in which a request comes by: what is watched, and the moment.
 * `before`: it has not begun; `during`: it has, by so many milliseconds, and its answer is not waited for; `after`: it is through,
 * and nothing was made of it.
 */
export const steps = {
  'before the database is given the intent': ['intent', 'before'],
  'while the database takes the intent': ['intent', 'during'],
  'when the intent is durable and the token request not sent': ['token request', 'before'],
  'while the token request is on its way': ['token request', 'during'],
  'when the token has come and nothing of it is recorded': ['token request', 'after'],
  'before the database is given outcome and release': ['outcome', 'before'],
  'while the database takes outcome and release': ['outcome', 'during'],
  'when outcome and release are durable and nothing is answered': ['outcome', 'after'],
  'when the reply is ready and not written': ['reply', 'before'],
  'while the reply is written': ['reply', 'during'],
  'when the reply is written': ['reply', 'after'],
  'while the database takes the release of a cached token': ['cached release', 'during'],
  'when the release of a cached token is durable and nothing is answered': ['cached release', 'after'],
  'while a revocation is on its way': ['revocation request', 'during'],
  'when a revocation is confirmed and not recorded': ['revocation request', 'after'],
};
