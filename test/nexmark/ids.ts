/**
 * Which person, auction or bid an event is, and whom it names. Ids follow from the event's number alone, so
 * that nothing is remembered (as in the generators of Apache Beam and of Flink's Nexmark).
 */

import { integerBelow, type Random } from "../../src/simulate/random.ts";

const PERSONS = 1;
export const AUCTIONS = 3;
const BIDS = 46;
/** Events of one round: first its persons, then its auctions, then its bids. */
export const ROUND = PERSONS + AUCTIONS + BIDS;

const FIRST_PERSON_ID = 1000;
const FIRST_AUCTION_ID = 1000;
/** Auctions that may still get bids. */
export const AUCTIONS_IN_FLIGHT = 100;
/** Persons that may still sell or bid. */
const ACTIVE_PERSONS = 1000;
/** Ids that are named before they are given: a bid may come before its auction, that before its seller. */
const LEAD = 10;
/** One in so many of the last persons or auctions is hot. */
const HOT_GROUP = 100;
const HOT_SELLER_SHARE = 3 / 4;
const HOT_BIDDER_SHARE = 3 / 4;
const HOT_AUCTION_SHARE = 1 / 2;

export function kindOf(event: number): "person" | "auction" | "bid" {
  const place = event % ROUND;
  if (place < PERSONS) return "person";
  return place < PERSONS + AUCTIONS ? "auction" : "bid";
}

/** The person that the event is, or the last one before it. */
export function personId(event: number): number {
  return lastPerson(event) + FIRST_PERSON_ID;
}

/** The auction that the event is, or the last one before it. */
export function auctionId(event: number): number {
  return lastAuction(event) + FIRST_AUCTION_ID;
}

export function drawSeller(event: number, random: Random): number {
  const isHot = random.share() < HOT_SELLER_SHARE;
  return FIRST_PERSON_ID + (isHot ? firstOfGroup(lastPerson(event)) : drawPerson(event, random));
}

/** Never the hot seller: the hot bidder is the person after. */
export function drawBidder(event: number, random: Random): number {
  const isHot = random.share() < HOT_BIDDER_SHARE;
  return FIRST_PERSON_ID + (isHot ? firstOfGroup(lastPerson(event)) + 1 : drawPerson(event, random));
}

export function drawAuction(event: number, random: Random): number {
  const last = lastAuction(event);
  if (random.share() < HOT_AUCTION_SHARE) return FIRST_AUCTION_ID + firstOfGroup(last);
  const first = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
  return FIRST_AUCTION_ID + first + integerBelow(random, last - first + 1 + LEAD);
}

function drawPerson(event: number, random: Random): number {
  const persons = lastPerson(event) + 1;
  const active = Math.min(persons, ACTIVE_PERSONS);
  return persons - active + integerBelow(random, active + LEAD);
}

/** Counted from 0. */
function lastPerson(event: number): number {
  return Math.floor(event / ROUND) * PERSONS + Math.min(event % ROUND, PERSONS - 1);
}

/** Counted from 0; -1 before the first. */
function lastAuction(event: number): number {
  const inRound = Math.min(Math.max((event % ROUND) - PERSONS + 1, 0), AUCTIONS);
  return Math.floor(event / ROUND) * AUCTIONS + inRound - 1;
}

function firstOfGroup(last: number): number {
  return Math.floor(last / HOT_GROUP) * HOT_GROUP;
}
