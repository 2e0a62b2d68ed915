/** Where errors of Corridor itself are written, for the operator. write MUST NOT throw, and MUST NOT print what an error carries beside its message and place. */
export abstract class FaultLog {
  abstract write(error: unknown): void;
}
