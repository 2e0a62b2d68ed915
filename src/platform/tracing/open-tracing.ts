import type { Settings } from '../../config/settings.js';
import type { Platform } from '../platform.js';
import type { OtelSpans } from './otel-spans.js';
import { TracedHttp } from './traced-ports.js';

/** Null where no traces are wanted: nothing of it is loaded then. */
export async function openTracing({
  otlpEndpoint,
  otlpHeaders,
}: Pick<Settings, 'otlpEndpoint' | 'otlpHeaders'>): Promise<OtelSpans | null> {
  if (otlpEndpoint === null) return null;
  const { OtelSpans: Opened } = await import('./otel-spans.js');
  return new Opened(otlpEndpoint, otlpHeaders);
}

/** The platform, its way to upstream servers traced. */
export function traced(platform: Platform, spans: OtelSpans): Platform {
  return { ...platform, http: new TracedHttp(platform.http, spans) };
}
