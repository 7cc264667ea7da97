"""Pages, post-mortems, overrides, and how colours went."""

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('pages',
    sa.Column('id', sa.String(length=320), nullable=False),
    sa.Column('incident', sa.String(length=32), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pages'))
    )
    with op.batch_alter_table('pages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pages_incident'), ['incident'], unique=False)

    op.create_table('postmortems',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_postmortems'))
    )
    with op.batch_alter_table('postmortems', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_postmortems_state'), ['state'], unique=False)

    op.create_table('overrides',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('over_at', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_overrides')),
    sa.UniqueConstraint('number', name=op.f('uq_overrides_number'))
    )
    with op.batch_alter_table('overrides', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_overrides_over_at'), ['over_at'], unique=False)

    op.create_table('turns',
    sa.Column('environment', sa.String(length=128), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('colour', sa.String(length=16), nullable=False),
    sa.Column('causes', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('environment', 'since', name=op.f('pk_turns'))
    )

    with op.batch_alter_table('incidents', schema=None) as batch_op:
        batch_op.add_column(sa.Column('opened_at', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.create_index(batch_op.f('ix_incidents_opened_at'), ['opened_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('incidents', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_incidents_opened_at'))
        batch_op.drop_column('opened_at')

    op.drop_table('turns')
    with op.batch_alter_table('overrides', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_overrides_over_at'))

    op.drop_table('overrides')
    with op.batch_alter_table('postmortems', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_postmortems_state'))

    op.drop_table('postmortems')
    with op.batch_alter_table('pages', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_pages_incident'))

    op.drop_table('pages')
