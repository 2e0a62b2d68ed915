/** What Corridor stands on cannot be used: what is wrong and what to do. Nothing was changed. */
export class PlatformUnusable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PlatformUnusable';
  }
}
