/** The start must not go on: one sentence that says what is wrong and what to do. */
export class SettingsInvalid extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsInvalid';
  }
}
