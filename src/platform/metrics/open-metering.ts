import type { Settings } from '../../config/settings.js';
import type { Platform } from '../platform.js';
import type { Metering } from './metering.js';

/** Null where no metrics are wanted: nothing of it is loaded then. */
export async function openMetering(platform: Platform, { metrics }: Pick<Settings, 'metrics'>): Promise<Metering | null> {
  if (metrics === null) return null;
  const { Metering: Opened } = await import('./metering.js');
  return new Opened(platform, metrics);
}
