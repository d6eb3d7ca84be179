import { Column, Entity } from 'typeorm';
import { defineResource, lifecycle, Resource } from '../../../../src/index.ts';

/** A decorated entity as users write them: Node alone cannot run it, and the types of two columns come from metadata. */
@Entity({ name: 'device' })
export class Device extends Resource {
  @Column() name!: string;
  @Column({ default: 0 }) rackUnit!: number;
}

export const device = defineResource(Device, { name: 'test.device', states: lifecycle });
