import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { promtool } from '../rig/promtool.js';

const run = promisify(execFile);
const cwd = path.resolve(import.meta.dirname, '../../deploy/prometheus');
const say = (line: string): void => void process.stderr.write(`[alert rules] ${line}\n`);
const tool = await promtool(say);
if ('missing' in tool) say(`SKIPPED, the rules are not checked by Prometheus itself: ${tool.missing}`);

('missing' in tool ? describe.skip : describe)('the alert rules, to Prometheus itself', () => {
  const command = 'path' in tool ? tool.path : '';

  it('are rules, without anything that it would rather not see', async () => {
    const { stdout } = await run(command, ['check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yml'], { cwd });
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  });

  it('fire when something is wrong, and do not when nothing is', async () => {
    const { stdout } = await run(command, ['test', 'rules', 'alerts.test.yml'], { cwd });
    expect(stdout).toContain('SUCCESS');
  });
});
