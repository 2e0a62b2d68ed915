import { type EvaluationResult, PolicyEvaluator } from '../../src/policy/evaluator.js';
import type { PolicyInput } from '../../src/policy/input.js';

type Script = (input: PolicyInput) => EvaluationResult | Promise<EvaluationResult>;

/** Answers by a script, and remembers which runs it was asked about. */
export class ScriptedEvaluator extends PolicyEvaluator {
  readonly asked: string[] = [];
  countersRead = false;

  constructor(private readonly script: Script) {
    super();
  }

  async load(): Promise<void> {}
  async close(): Promise<void> {}

  async evaluate(_revision: string, _entrypoint: string, inputJson: string): Promise<EvaluationResult> {
    const input = JSON.parse(inputJson) as PolicyInput;
    this.asked.push(input.run.id);
    return await this.script(input);
  }

  readsCounters(): boolean {
    return this.countersRead;
  }
}

export function value(decision: unknown): EvaluationResult {
  return { kind: 'value', value: decision };
}
