import 'reflect-metadata';
import { contractsRecordedBy, noteRecorded } from './records';
import type * as Records from './records';

class OrderRequested {}
class UserRegistered {}

describe('what a method records', () => {
  it('is every contract that was noted on it, in order', () => {
    const method = (): void => {};
    noteRecorded(method, OrderRequested);
    noteRecorded(method, UserRegistered);
    expect(contractsRecordedBy(method)).toEqual([OrderRequested, UserRegistered]);
  });

  it('is nothing as long as nobody has noted anything', () => {
    noteRecorded(() => {}, OrderRequested);
    expect(contractsRecordedBy(() => {})).toEqual([]);
  });

  it('is seen by every copy of the library in the process', () => {
    const method = (): void => {};
    noteRecorded(method, OrderRequested);
    jest.isolateModules(() => {
      const other = jest.requireActual<typeof Records>('./records');
      expect(other.contractsRecordedBy).not.toBe(contractsRecordedBy);
      expect(other.contractsRecordedBy(method)).toEqual([OrderRequested]);
      other.noteRecorded(method, UserRegistered);
    });
    expect(contractsRecordedBy(method)).toEqual([OrderRequested, UserRegistered]);
  });
});
