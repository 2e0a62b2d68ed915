/** The start must not go on: what is wrong and what to do, a sentence for each thing. Never quotes what a secret could be part of. */
export class SettingsInvalid extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsInvalid';
  }
}
