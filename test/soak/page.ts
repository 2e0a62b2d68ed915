import { EARNEST, type Judgement } from './judge.js';
import type { Soak } from './samples.js';

const FROM = '<!-- made: soak -->';
const TO = '<!-- end -->';

/** Puts the figures of a run in place of those that stand in the page. */
export function fillSoakPage(page: string, soak: Soak, judgements: readonly Judgement[], run: { date: string; machine: string }): string {
  const [from, to] = [page.indexOf(FROM), page.indexOf(TO)];
  if (from < 0 || to < from) throw new Error(`the page has no place for figures: ${FROM} … ${TO}`);
  return `${page.slice(0, from)}${FROM}\n\n${figures(soak, judgements, run)}\n\n${page.slice(to)}`;
}

function figures(soak: Soak, judgements: readonly Judgement[], { date, machine }: { date: string; machine: string }): string {
  const { minutes, capacity, rate, faults, samples } = soak;
  const busy = samples.reduce((sum, sample) => sum + sample.busy, 0) / samples.length;
  const counts = new Map<string, number>();
  for (const { mark, name } of faults) counts.set(`${mark}: ${name}`, (counts.get(`${mark}: ${name}`) ?? 0) + 1);
  const failed = judgements.filter(({ holds }) => !holds).length;
  return [
    `\`npm run test:soak -- --minutes ${minutes}\`, ${date}, ${machine}. At full load it answered ${capacity.toFixed(0)} requests a second; ${rate.toFixed(0)} were offered, which kept the cores ${(busy * 100).toFixed(0)} % busy. ${minutes < EARNEST ? 'This was no more than a look. ' : ''}${failed === 0 ? 'All that is demanded held.' : `**${failed} of what is demanded did not hold.**`}`,
    [
      '| what | found | |',
      '| --- | --- | --- |',
      ...judgements.map(({ what, found, holds }) => `| ${what} | ${cell(found)} | ${holds ? 'held' : '**did not hold**'} |`),
    ].join('\n'),
    ['| fault | times |', '| --- | ---: |', ...[...counts].map(([name, count]) => `| ${name} | ${count} |`)].join('\n'),
  ].join('\n\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
