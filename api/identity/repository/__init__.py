"""All SQL of identity, by table. Every transaction is one of `nexus_system`: no other role sees these tables."""
