import type { PolicyInput } from './input.js';

const MINUTE = 60_000;

const weekdays = { Mon: 'mon', Tue: 'tue', Wed: 'wed', Thu: 'thu', Fri: 'fri', Sat: 'sat', Sun: 'sun' } as const;

/**
 * The moment as clocks show it in a time zone (IANA name), to the minute: `now` of every input. Making a formatter takes
 * longer than an evaluation, and formatting a tenth of one: hence one formatter for each zone, and the last answer kept.
 */
export class LocalTime {
  readonly #formatters = new Map<string, Intl.DateTimeFormat>();
  #last: PolicyInput['now'] | null = null;

  /** @throws RangeError for a zone that nobody knows. */
  at(milliseconds: number, zone: string): PolicyInput['now'] {
    const unix = (Math.floor(milliseconds / MINUTE) * MINUTE) / 1000;
    if (this.#last?.unix !== unix || this.#last.zone !== zone) this.#last = this.#read(unix, zone);
    return this.#last;
  }

  #read(unix: number, zone: string): PolicyInput['now'] {
    const parts = new Map(
      this.#formatter(zone)
        .formatToParts(unix * 1000)
        .map(({ type, value }) => [type, value]),
    );
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
    return {
      unix,
      weekday: readWeekday(part('weekday')),
      date: `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`,
      hour: Number(part('hour')),
      minute: Number(part('minute')),
      zone,
    };
  }

  #formatter(zone: string): Intl.DateTimeFormat {
    const known = this.#formatters.get(zone);
    if (known !== undefined) return known;
    const made = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: zone,
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    this.#formatters.set(zone, made);
    return made;
  }
}

function readWeekday(name: string): PolicyInput['now']['weekday'] {
  for (const [short, weekday] of Object.entries(weekdays)) if (short === name) return weekday;
  throw new RangeError('this time zone has no weekdays');
}
