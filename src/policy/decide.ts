import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Clock } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import { Scope } from '../oauth/scope.js';
import type { Decision } from './decision.js';
import { policyFailureCodes } from './decision.js';
import type { PolicyEvaluator } from './evaluator.js';
import type { PolicyInput } from './input.js';
import { type Spoken, wordOnLineage } from './lineage.js';
import { type Decided, type QuestionKey, RememberedDecisions } from './remembered-decisions.js';
import { failed, type Word, wordOf } from './word.js';

export type { Decided, QuestionKey } from './remembered-decisions.js';

export const tokenEntrypoint = 'corridor/token/decision';

/**
 * What is to be decided. `inputs` are the run's own and one for each of its ancestors, the nearest first; all are of one
 * minute, that of the key. Two questions that can differ in any other member of an input MUST have different texts in their keys, so
 * the run, its credential, the resource, the scopes and details, and the facts' epoch belong into it. Null: not to be remembered.
 */
export interface Question {
  readonly revision: string | null;
  readonly inputs: readonly [PolicyInput, ...PolicyInput[]];
  readonly key: QuestionKey | null;
}

/**
 * May it: the policy's decision on a token request. Equal questions are asked once (DESIGN §6), also at the same time, except
 * those whose answer rests on counters; a failure is no answer, and is asked again.
 */
export class Decide {
  readonly #remembered = new RememberedDecisions();
  readonly #underWay = new Map<string, Promise<Decided>>();

  constructor(
    private readonly evaluator: PolicyEvaluator,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** Whether the inputs must hold counters. */
  readsCounters(revision: string | null): boolean {
    return revision !== null && this.evaluator.readsCounters(revision, tokenEntrypoint);
  }

  /** The decision on this question if it was made before: asked before the inputs are built. */
  recall(revision: string | null, key: QuestionKey): Decided | null {
    return this.#remembered.get(keyIn(revision, key));
  }

  async decide(question: Question): Promise<Decided> {
    if (question.key === null || this.readsCounters(question.revision)) return await this.#decideAnew(question);
    const key = keyIn(question.revision, question.key);
    const flight = `${key.minute} ${key.text}`;
    const known = this.#remembered.get(key) ?? this.#underWay.get(flight);
    if (known !== undefined) return await known;
    const deciding = this.#decideAnew(question)
      .then((decided) => {
        if (!decided.decision.failure) this.#remembered.set(key, decided);
        return decided;
      })
      .finally(() => this.#underWay.delete(flight));
    this.#underWay.set(flight, deciding);
    return await deciding;
  }

  /** The input of this decision is durable: it need not come along any more. */
  inputIsStored(revision: string | null, key: QuestionKey): void {
    this.#remembered.inputIsStored(keyIn(revision, key));
  }

  async #decideAnew({ revision, inputs }: Question): Promise<Decided> {
    const [own, ...ancestors] = inputs;
    const texts = inputs.map(canonical);
    // one decision has one input: that of the run, or with ancestors the list of all
    const text = ancestors.length === 0 ? texts.join() : `[${texts.join()}]`;
    const word = revision === null ? failed(policyFailureCodes.notLoaded) : await this.#ask(revision, own, ancestors, texts);
    const decision: Decision = {
      id: newIdentifier('dec', this.clock.now(), this.randomness),
      by: 'policy',
      revision,
      inputSha256: createHash('sha256').update(text).digest('hex'),
      allow: word.allow,
      reasons: word.reasons,
      obligations: word.allow ? word.obligations : {},
      failure: !word.allow && word.failure,
      repeatable: !this.readsCounters(revision),
    };
    return { decision, freshInput: text };
  }

  async #ask(revision: string, own: PolicyInput, ancestors: readonly PolicyInput[], texts: readonly string[]): Promise<Word> {
    const { scopes, authorization_details: elements } = own.request;
    const details = elements === undefined ? AuthorizationDetails.none : AuthorizationDetails.of(elements);
    if (details === null) throw new TypeError('an input holds no authorization details');
    const asked = { scope: Scope.of(scopes), details };
    const ask = async (input: PolicyInput, index: number): Promise<Spoken> => {
      const result = await this.evaluator.evaluate(revision, tokenEntrypoint, texts[index] ?? '');
      return { run: input.run.id, word: wordOf(result, asked) };
    };
    const [first, ...others] = await Promise.all([ask(own, 0), ...ancestors.map((input, index) => ask(input, index + 1))]);
    return wordOnLineage([first, ...others], asked);
  }
}

function keyIn(revision: string | null, { minute, text }: QuestionKey): QuestionKey {
  return { minute, text: `${revision} ${text}` };
}

/** RFC 8785. */
function canonical(input: PolicyInput): string {
  const text = canonicalize(input);
  if (text === undefined) throw new TypeError('an input cannot be written as JSON');
  return text;
}
