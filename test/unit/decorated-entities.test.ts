import { describe, expect, it } from '@jest/globals';
import { Column, Entity, getMetadataArgsStorage, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
class Volume {
  @PrimaryGeneratedColumn() id!: number;
  @Column() name!: string;
  @Column() createdAt!: Date;
}

describe('the decorated entities that users have', () => {
  it('keep the types of their columns in the test runner', () => {
    const columns = getMetadataArgsStorage().columns.filter(({ target }) => target === Volume);
    expect(columns.map(({ propertyName, options }) => [propertyName, options.type])).toEqual([
      ['id', Number],
      ['name', String],
      ['createdAt', Date],
    ]);
  });
});
