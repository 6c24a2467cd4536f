/** The tests of this project give every pool of theirs an `OutboxClient`: what they say must be true with it as well. */
process.env.TALLYSTICK_TEST_CLIENT = 'OutboxClient';
